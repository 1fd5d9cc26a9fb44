"""The record of calls behind KerasTensors: operations, nodes and histories.

It serves the API (summary, `get_layer`, sub-models, cloning, saving) and is never optimised.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Self

from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor


class KerasHistory(NamedTuple):
    """Where a KerasTensor came from."""

    operation: Any
    node_index: int
    tensor_index: int


class Operation:
    """Anything that can be called on KerasTensors: a layer, or one op."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._inbound_nodes: list[CallNode] = []
        self._outbound_nodes: list[CallNode] = []


class OpOperation(Operation):
    """One op as an operation of a functional graph, made by using an op on KerasTensors."""

    def __new__(cls, op: str, attrs: dict[str, Any], run: Callable[..., Any]) -> Self:
        """Make an instance of a class named after the op, which is what summaries print."""
        del attrs, run
        title = op.rsplit(".", maxsplit=1)[-1].title().replace("_", "")
        return object.__new__(type(title, (cls,), {"__module__": cls.__module__}))

    def __init__(self, op: str, attrs: dict[str, Any], run: Callable[..., Any]) -> None:
        super().__init__(auto_name(op.rsplit(".", maxsplit=1)[-1]))
        self.op, self.attrs, self._run = op, attrs, run

    def __call__(self, *tensors: Any) -> Any:
        return self._run(self.op, *tensors, **self.attrs)


class FunctionOperation(Operation):
    """A function of tensors as an operation of a functional graph."""

    def __new__(cls, name: str, function: Callable[..., Any]) -> Self:
        """Make an instance of a class named after the function, which is what summaries print."""
        del function
        title = name.title().replace("_", "")
        return object.__new__(type(title, (cls,), {"__module__": cls.__module__}))

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        super().__init__(auto_name(name))
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class SymbolicArguments:
    """The arguments of one call, and the KerasTensors among them."""

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self.keras_tensors = [t for t in flatten((args, kwargs)) if isinstance(t, KerasTensor)]

    def fill_in(self, tensors: dict[int, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments with each KerasTensor replaced by `tensors[id]`."""

        def swap(leaf: Any) -> Any:
            return tensors[id(leaf)] if isinstance(leaf, KerasTensor) else leaf

        return map_structure(swap, (self.args, self.kwargs))


class CallNode:
    """One call of an operation: its arguments and its outputs."""

    def __init__(
        self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any
    ) -> None:
        self.operation = operation
        self.arguments = SymbolicArguments(args, kwargs)
        self.outputs = [t for t in flatten(outputs) if isinstance(t, KerasTensor)]
        self.output_structure = outputs
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for position, tensor in enumerate(self.outputs):
            tensor._keras_history = KerasHistory(operation, index, position)
        for parent in self.parent_nodes:
            parent.operation._outbound_nodes.append(self)

    @property
    def input_tensors(self) -> list[KerasTensor]:
        """The KerasTensors that went in."""
        return self.arguments.keras_tensors

    @property
    def output_tensors(self) -> list[KerasTensor]:
        """The KerasTensors that came out."""
        return self.outputs

    @property
    def parent_nodes(self) -> list[CallNode]:
        """The calls that made the inputs."""
        histories = [t._keras_history for t in self.input_tensors if t._keras_history is not None]
        return [h.operation._inbound_nodes[h.node_index] for h in histories]

    @property
    def is_input(self) -> bool:
        """Whether this is an input of the graph rather than a call."""
        return not self.arguments.keras_tensors


def record_call(operation: Any, args: Any, kwargs: Any, outputs: Any) -> Any:
    """Record a call and return its outputs."""
    CallNode(operation, tuple(args), dict(kwargs), outputs)
    return outputs
