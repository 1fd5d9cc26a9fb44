"""Keras 3's configuration of models, both ways: functional graphs, and what `compile` was given."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable
from typing import Any

from graphc.keras.engine.operation import CallNode, OpOperation
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.models.input_layer import InputLayer
from graphc.keras.models.op_configuration import is_op, op_arguments, op_entry, op_from_entry
from graphc.keras.models.record import Record
from graphc.keras.optimizers.optax_optimizer import OptaxOptimizer
from graphc.keras.saving import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)
from graphc.keras.saving.contexts import sharing
from graphc.keras.saving.legacy_config import modern

FUNCTIONAL_KEYS = ("layers", "input_layers", "output_layers")


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the model that `model.to_json()` described, ours, Keras 3's or Keras 2's.

    Its weights are fresh.

    Args:
        custom_objects: classes and functions by name that are not registered.

    Raises:
        ValueError: the text names a class that is not known, is no JSON, or goes too deep.
    """
    try:
        return deserialize_keras_object(modern(json.loads(json_string)), custom_objects)
    except RecursionError as error:
        raise ValueError("The configuration goes too deep.") from error


def model_from_configuration(config: dict[str, Any]) -> Any:
    """Return the model of a configuration: `get_config()` or parsed JSON; it is not compiled.

    Raises:
        ValueError: the dictionary describes no model.
    """
    if "class_name" in config:
        entry = {key: value for key, value in config.items() if key != "compile_config"}
    elif "layers" in config:
        name = "Functional" if "input_layers" in config else "Sequential"
        entry = {"module": "keras", "class_name": name, "config": config}
    else:
        raise ValueError(
            "Expected the configuration of a model: a dictionary with 'class_name' and 'config', "
            f"or with 'layers'. Received: a dictionary with the keys {sorted(config)}"
        )
    return deserialize_keras_object(entry)


def is_functional(operation: Any) -> bool:
    """Return whether an operation is a functional model (a Sequential one is not)."""
    return getattr(operation, "_record", None) is not None and not hasattr(operation, "_chain")


def takes_graph(cls: type) -> bool:
    """Return whether a model class can be made as `cls(inputs=..., outputs=..., name=...)`."""
    spec = inspect.getfullargspec(cls.__init__)
    if spec.args[1:] == ["inputs", "outputs", "name"]:
        return True
    return spec.varargs is not None and spec.varkw is not None


# Writing


def functional_config(model: Any) -> dict[str, Any]:
    """Return layers, calls, inputs and outputs of a functional model.

    Raises:
        ValueError: two layers share a name, which is all that the calls refer to them by.
    """
    graph = _Written(model._record)
    with sharing():
        layers = [graph.entry(operation) for operation in graph.names.values()]
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [*graph.stand_ins, *layers],
        "input_layers": map_structure(graph.end, model._record.inputs),
        "output_layers": map_structure(graph.end, model._record.outputs),
    }


class _Written:
    """A record with a unique name for an operation, a place [name, call, output] for a tensor."""

    def __init__(self, record: Record) -> None:
        starts = {id(t): t for t in record.input_tensors if not _starts(t)}
        inner = [n for n in record.nodes if not any(id(t) in starts for t in n.outputs)]
        kept = {id(node) for node in inner}
        self.nodes: dict[int, list[CallNode]] = {}
        self.names: dict[str, Any] = {}
        self.places: dict[int, list[Any]] = {}
        for operation in record.operations:
            nodes = [node for node in operation._inbound_nodes if id(node) in kept]
            if nodes:
                self._name(operation, nodes)
        self.stand_ins = [self._stand_in(tensor) for tensor in starts.values()]

    def _name(self, operation: Any, nodes: list[CallNode]) -> None:
        name = self._free(operation.name)
        if name != operation.name and not isinstance(operation, OpOperation):
            raise ValueError(
                f"All layers of a model need different names to be saved. Received: two named "
                f"'{operation.name}'"
            )
        self.names[name] = operation
        self.nodes[id(operation)] = nodes
        for call, node in enumerate(nodes):
            self.places |= {id(t): [name, call, at] for at, t in enumerate(node.outputs)}

    def _free(self, name: str) -> str:
        """Return a name that no operation has yet: ops of a loaded graph may repeat one."""
        free, count = name, 0
        while free in self.names:
            count += 1
            free = f"{name}_{count}"
        return free

    def _stand_in(self, tensor: KerasTensor) -> dict[str, Any]:
        """Return an input layer for a model that starts in the middle of a graph."""
        name = self._free(f"{tensor._keras_history.operation.name}_input")
        self.places[id(tensor)] = [name, 0, 0]
        config = {
            "batch_shape": tensor.shape, "dtype": tensor.dtype, "sparse": tensor.sparse,
            "ragged": tensor.ragged, "name": name, "optional": False,
        }  # fmt: skip
        return {
            "module": "keras.layers", "class_name": "InputLayer", "config": config,
            "registered_name": None, "name": name, "inbound_nodes": [],
        }  # fmt: skip

    def entry(self, operation: Any) -> dict[str, Any]:
        """Return the configuration of one operation and of its calls."""
        name = self.places[id(self.nodes[id(operation)][0].outputs[0])][0]
        calls = [node for node in self.nodes[id(operation)] if not node.is_input]
        if isinstance(operation, OpOperation):
            entry = op_entry(operation, name, calls[0].arguments.args)
        else:
            entry = serialize_keras_object(operation)
        entry.update(name=name, inbound_nodes=[self._call(node) for node in calls])
        return entry

    def _call(self, node: CallNode) -> dict[str, Any]:
        args, kwargs = node.arguments.args, node.arguments.kwargs
        if isinstance(node.operation, OpOperation):
            args = op_arguments(node.operation, args)
        args, kwargs = map_structure(self._tensor, (list(args), kwargs))
        return {"args": serialize_keras_object(args), "kwargs": serialize_keras_object(kwargs)}

    def _tensor(self, leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        entry = serialize_keras_object(leaf)
        entry["config"]["keras_history"] = self.places[id(leaf)]
        return entry

    def end(self, tensor: KerasTensor) -> list[Any]:
        """Return the place of an input or output; Keras counts a nested model's calls from one."""
        name, call, at = self.places[id(tensor)]
        return [name, call + is_functional(self.names.get(name)), at]


def _starts(tensor: KerasTensor) -> bool:
    return isinstance(tensor._keras_history.operation, InputLayer)


# Reading


def functional_from_config(
    cls: type, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
) -> Any:
    """Return a functional model of class `cls`; what the format does not know goes to `cls`.

    Raises:
        ValueError: the calls refer to something that is not there.
    """
    rest = {key: value for key, value in config.items() if key not in FUNCTIONAL_KEYS}
    with sharing(), custom_object_scope(custom_objects or {}):
        graph = _Read(config["layers"])
        graph.run_calls()
    ends = [_map_ends(graph.end, config[key]) for key in ("input_layers", "output_layers")]
    return cls(inputs=ends[0], outputs=ends[1], **rest)


class _Read:
    """The operations of a configuration, and what each of their calls has returned so far."""

    def __init__(self, layers: list[dict[str, Any]]) -> None:
        self.operations: dict[str, Callable[..., Any]] = {}
        self.waiting: dict[str, list[Any]] = {}
        self.outputs: dict[str, list[list[KerasTensor]]] = {}
        for entry in layers:
            name = entry.get("name") or entry["config"]["name"]
            made = op_from_entry(entry) if is_op(entry) else deserialize_keras_object(entry)
            self.operations[name] = made
            self.waiting[name] = list(entry.get("inbound_nodes") or ())
            self.outputs[name] = [[made.output]] if isinstance(made, InputLayer) else []

    def run_calls(self) -> None:
        """Call the operations, each call as soon as its inputs exist."""
        while any(self.waiting.values()):
            if not sum([self._advance(name) for name in self.operations]):
                stuck = [name for name, calls in self.waiting.items() if calls]
                raise ValueError(
                    "The graph of this model has a loop or refers to missing layers. "
                    f"Received: calls of {stuck} whose inputs are never made"
                )

    def _advance(self, name: str) -> int:
        """Run the calls of an operation in order until one has to wait; return how many ran."""
        calls, count = self.waiting[name], 0
        while calls and all(self._exists(place) for place in _places(calls[0])):
            args, kwargs = self._arguments(calls.pop(0))
            outputs = self.operations[name](*args, **kwargs)
            self.outputs[name].append(flatten(outputs))
            count += 1
        return count

    def _exists(self, place: list[Any]) -> bool:
        return place[1] < len(self.outputs.get(place[0], ()))

    def _arguments(self, call: Any) -> tuple[Any, Any]:
        if isinstance(call, dict):
            found = (
                deserialize_keras_object(call["args"]),
                deserialize_keras_object(call["kwargs"]),
            )
            return map_structure(self._revived, found)
        tensors = [self._at(place) for place in _places(call)]
        kwargs = call[0][3] if call and len(call[0]) > 3 else {}
        return (tensors[0] if len(tensors) == 1 else tensors,), kwargs

    def _revived(self, leaf: Any) -> Any:
        place = getattr(leaf, "_serialized_history", None)
        return leaf if place is None else self._at(place)

    def _at(self, place: Any) -> KerasTensor:
        name, call, at = place[:3]
        return self.outputs[name][call][at]

    def end(self, place: list[Any]) -> KerasTensor:
        """Return the tensor of an input or output of the model."""
        name, call, at = place
        if not self._exists([name, 0]):
            raise ValueError(
                f"Expected a layer of the model. Received: '{name}' as input or output"
            )
        return self._at([name, call - is_functional(self.operations[name]), at])


def _places(call: Any) -> list[Any]:
    """Return where the tensors of a call come from; Keras 2 wrote nothing else."""
    if not isinstance(call, dict):
        return list(call)
    found, stack = [], [call]
    while stack:
        item = stack.pop()
        if isinstance(item, dict) and item.get("class_name") == "__keras_tensor__":
            found.append(item["config"]["keras_history"])
        elif isinstance(item, (dict, list, tuple)):
            stack += item.values() if isinstance(item, dict) else item
    return found


def _map_ends(function: Callable[..., Any], ends: Any) -> Any:
    if isinstance(ends, dict):
        return {key: _map_ends(function, value) for key, value in ends.items()}
    if len(ends) == 3 and isinstance(ends[0], str):
        return function(ends)
    return type(ends)(_map_ends(function, value) for value in ends)


# compile


def compile_config(model: Any) -> dict[str, Any]:
    """Return the arguments of `compile` as plain data; {} for a model that is not compiled."""
    if not model.compiled:
        return {}
    optimizer = model.optimizer
    if isinstance(optimizer, OptaxOptimizer):
        optimizer = optimizer.transformation
    return serialize_keras_object({**model._compile_config, "optimizer": optimizer})


def compile_from_config(model: Any, config: dict[str, Any], default: Any) -> None:
    """Compile a model as `compile_config` says, and build its optimizer if it is built.

    `default` is the `compile` that the configuration is for; a class with its own is left alone.
    """
    if type(model).compile is not default:
        warnings.warn(
            f"`compile()` was not called while loading '{model.name}': {type(model).__name__} has "
            "its own `compile()` and should then have its own `get_compile_config()` and "
            "`compile_from_config(config)`. Call `compile()` after loading.",
            stacklevel=3,
        )
        return
    model.compile(**deserialize_keras_object(config))
    if model.built and model.optimizer is not None:
        model.optimizer.build(model.trainable_variables)
