"""The layer graph behind a functional model: which calls lead from its inputs to its outputs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from graphc.keras.engine.layer import Layer
from graphc.keras.engine.operation import CallNode
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import KerasTensor


class Record:
    """The calls between `inputs` and `outputs`, in an order in which they can run.

    Raises:
        ValueError: an input or output is not a KerasTensor, or the graph needs a tensor that the
            inputs do not lead to.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs, self.outputs = inputs, outputs
        for role, structure in (("inputs", inputs), ("outputs", outputs)):
            for tensor in flatten(structure):
                if not isinstance(tensor, KerasTensor):
                    raise ValueError(
                        f"All `{role}` values must be KerasTensors. "
                        f"Received: {role}={tensor} including invalid value of type {type(tensor)}"
                    )
        self.input_tensors: list[KerasTensor] = flatten(inputs)
        self.output_tensors: list[KerasTensor] = flatten(outputs)
        nodes, order = _visit(self.input_tensors, self.output_tensors)
        self.nodes = nodes
        self.operations = _by_depth(nodes, order, self.input_tensors)
        self.layers = [op for op in self.operations if isinstance(op, Layer)]
        _check_names(self.operations)

    def run(self, inputs: list[Any], training: bool | None = None) -> Any:
        """Replay the calls on tensors; each operation is called as it was, masks included.

        As in Keras 3, a `training` that is given overrules one that a call was recorded with.
        """
        env = {id(t): value for t, value in zip(self.input_tensors, inputs, strict=True)}
        for node in self.nodes:
            if node.is_input or all(id(tensor) in env for tensor in node.outputs):
                continue
            args, kwargs = node.arguments.fill_in(env)
            if training is not None and kwargs.get("training") is not None:
                kwargs["training"] = training
            results = flatten(node.operation(*args, **kwargs))
            env.update({id(t): r for t, r in zip(node.outputs, results, strict=True)})
        return pack_as(self.outputs, [env[id(tensor)] for tensor in self.output_tensors])

    @property
    def shapes(self) -> Any:
        """The shapes of the inputs."""
        return map_structure(lambda tensor: tensor.shape, self.inputs)


def _check_names(operations: list[Any]) -> None:
    counts = Counter(operation.name for operation in operations)
    for name, count in counts.items():
        if count > 1:
            raise ValueError(
                f'The name "{name}" is used {count} times in the model. All operation names should '
                "be unique."
            )


def _visit(
    inputs: list[KerasTensor], outputs: list[KerasTensor]
) -> tuple[list[CallNode], dict[int, int]]:
    """Return the calls in execution order, and when each operation was first met (by id)."""
    given = {id(tensor) for tensor in inputs}
    done: set[int] = set()
    order: dict[int, int] = {}
    nodes: list[CallNode] = []
    stack: list[tuple[KerasTensor, bool]] = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, leaving = stack.pop()
        node = _node_of(tensor, given)
        if leaving:
            nodes.append(node)
            continue
        if id(node) in done:
            continue
        done.add(id(node))
        order.setdefault(id(node.operation), len(order))
        stack.append((tensor, True))
        if id(tensor) not in given:
            stack += [(source, False) for source in reversed(node.input_tensors)]
    return _sorted_for_running(nodes, given), order


def _node_of(tensor: KerasTensor, given: set[int]) -> CallNode:
    history = tensor._keras_history
    if history is None:
        raise ValueError(f"`inputs` and `outputs` are not connected: {tensor} has no history.")
    node = history.operation._inbound_nodes[history.node_index]
    if node.is_input and id(tensor) not in given:
        raise ValueError(
            f"`inputs` not connected to `outputs`: the tensor {tensor} is needed and is not among "
            "the inputs of the model."
        )
    return node


def _sorted_for_running(nodes: list[CallNode], given: set[int]) -> list[CallNode]:
    """Return the nodes so that each comes after those that make its inputs."""
    waiting, ready, known = list(nodes), [], set(given)
    while waiting:
        rest = []
        for node in waiting:
            if node.is_input or all(id(t) in known for t in node.input_tensors):
                ready.append(node)
                known.update(id(t) for t in node.outputs)
            elif all(id(t) in given for t in node.outputs):
                ready.append(node)
            else:
                rest.append(node)
        if len(rest) == len(waiting):
            raise ValueError("The layer graph has a cycle, or `inputs` do not lead to `outputs`.")
        waiting = rest
    return ready


def _by_depth(nodes: list[CallNode], order: dict[int, int], inputs: list[KerasTensor]) -> list[Any]:
    """Return the operations from the inputs to the outputs: by depth, then by first meeting."""
    inside = {id(node) for node in nodes}
    node_depth: dict[int, int] = {}
    depth: dict[int, int] = {}
    operations = {id(node.operation): node.operation for node in nodes}
    for node in reversed(nodes):
        key = id(node.operation)
        depth[key] = max(node_depth.get(id(node), 0), depth.get(key, 0))
        for parent in node.parent_nodes:
            if id(parent) in inside:
                node_depth[id(parent)] = max(depth[key] + 1, node_depth.get(id(parent), 0))
    for tensor in inputs:
        operation = tensor._keras_history.operation
        operations.setdefault(id(operation), operation)
        depth.setdefault(id(operation), 0)
    keys = sorted(operations, key=lambda key: (-depth[key], order.get(key, -1)))
    return [operations[key] for key in keys]
