"""Where a symbolic tensor comes from."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.tensor import KerasTensor


def get_source_inputs(tensor: Any) -> Any:
    """Return the list of input tensors that a `KerasTensor` is computed from.

    What is not a `KerasTensor` is returned as it is.
    """
    if not isinstance(tensor, KerasTensor):
        return tensor
    found: dict[int, Any] = {}
    seen: set[int] = set()
    _collect(tensor, found, seen)
    return list(found.values())


def _collect(tensor: KerasTensor, found: dict[int, Any], seen: set[int]) -> None:
    history = tensor._keras_history
    if history is None:
        found.setdefault(id(tensor), tensor)
        return
    node = history.operation._inbound_nodes[history.node_index]
    if id(node) in seen:
        return
    seen.add(id(node))
    for source in node.output_tensors if node.is_input else ():
        found.setdefault(id(source), source)
    for source in () if node.is_input else node.input_tensors:
        _collect(source, found, seen)
