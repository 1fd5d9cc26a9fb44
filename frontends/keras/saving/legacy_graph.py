"""Graphs of layers that Keras 2 wrote, as Keras 3 would write them.

A call was a structure of [layer, call, output, arguments], with the arguments of the call beside
every tensor of its first argument. Tensors among these are [layer, call, output], and other values
may be ["_CONSTANT_VALUE", -1, value].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

CONSTANT = "_CONSTANT_VALUE"
WITH_STATES = ("LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
               "Bidirectional")  # fmt: skip


def graph(inner: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration of a functional model with its calls and ends as Keras 3 has them.

    One of Keras 3 stays as it is.
    """
    layers = inner.get("layers")
    if not isinstance(layers, list) or not all(isinstance(one, dict) for one in layers):
        return inner
    calls = [call for entry in layers for call in entry.get("inbound_nodes") or ()]
    if not calls or all(isinstance(call, dict) and "args" in call for call in calls):
        return inner
    names = {entry.get("name") for entry in layers}
    starts = _starts(inner, layers)
    found = {**inner, "layers": [_layer(entry, names, starts) for entry in layers]}
    functional = {entry.get("name") for entry in layers if "input_layers" in _config(entry)}
    for key in ("input_layers", "output_layers"):
        if key in inner:
            found[key] = _ends(inner[key], starts, functional)
    return found


def _config(entry: dict[str, Any]) -> Any:
    return entry.get("config") or {}


def _starts(inner: dict[str, Any], layers: list[dict[str, Any]]) -> dict[str, int]:
    """Return what each nested model's calls in the graph are counted from.

    It is 1: the call that a model was made with came first. It was left out for models that had
    been made without inputs.
    """
    nested = {str(entry.get("name")) for entry in layers if _is_nested(entry)}
    used: dict[str, set[int]] = {}
    structures = [inner.get("output_layers"), *(entry.get("inbound_nodes") for entry in layers)]
    for name, call, *_ in _places(structures):
        if name in nested:
            used.setdefault(name, set()).add(call)
    return {name: int(0 not in calls) for name, calls in used.items()}


def _is_nested(entry: dict[str, Any]) -> bool:
    config = _config(entry)
    return entry.get("class_name") == "Sequential" or (
        isinstance(config, dict) and "layers" in config and "input_layers" in config
    )


def _is_place(item: Any) -> bool:
    return (
        isinstance(item, list)
        and len(item) in (3, 4)
        and isinstance(item[0], str)
        and all(isinstance(number, int) for number in item[1:3])
    )


def _places(item: Any) -> Iterator[list[Any]]:
    stack = [item]
    while stack:
        item = stack.pop()
        if _is_place(item):
            yield item[:3]
            stack += item[3:]
        elif isinstance(item, (dict, list)):
            stack += item.values() if isinstance(item, dict) else item


def _layer(entry: dict[str, Any], names: set[str | None], starts: dict[str, int]) -> dict[str, Any]:
    def revived(item: Any) -> Any:
        if isinstance(item, list) and len(item) == 3 and item[0] == CONSTANT:
            return item[2]
        if _is_place(item) and item[0] in names:
            return _tensor(item[0], item[1] - starts.get(item[0], 0), item[2])
        if isinstance(item, dict):
            return {key: revived(value) for key, value in item.items()}
        return [revived(value) for value in item] if isinstance(item, list) else item

    calls = entry.get("inbound_nodes")
    if not calls:
        return entry
    return {**entry, "inbound_nodes": [_call(entry, call, revived) for call in calls]}


def _call(entry: dict[str, Any], call: Any, revived: Callable[[Any], Any]) -> Any:
    kwargs = revived(next((place[3] for place in _full_places(call) if len(place) > 3), {}))
    given = _bare(call)
    if isinstance(given, list) and len(given) == 1 and not _is_place(given):
        given = given[0]
    tensors = revived(given)
    if entry.get("class_name") in WITH_STATES and isinstance(tensors, list):
        return {"args": tensors[:1], "kwargs": {"initial_state": tensors[1:], **kwargs}}
    return {"args": [tensors], "kwargs": kwargs}


def _full_places(item: Any) -> Iterator[list[Any]]:
    """Return the places of a call with the arguments beside them, but not those among these."""
    if _is_place(item):
        yield item
    elif isinstance(item, (dict, list)):
        for value in item.values() if isinstance(item, dict) else item:
            yield from _full_places(value)


def _bare(item: Any) -> Any:
    """Return the structure of a call without arguments beside its places."""
    if _is_place(item):
        return item[:3]
    if isinstance(item, dict):
        return {key: _bare(value) for key, value in item.items()}
    return [_bare(value) for value in item] if isinstance(item, list) else item


def _tensor(name: str, call: int, output: int) -> dict[str, Any]:
    config = {"shape": [], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def _ends(ends: Any, starts: dict[str, int], functional: set[str | None]) -> Any:
    """Return inputs or outputs; Keras 2 wrote a single one as a list and took it for a tensor."""
    if isinstance(ends, list) and len(ends) == 1:
        ends = ends[0]
    if _is_place(ends):
        name, call, output = ends
        return [name, call - starts.get(name, 0) + (name in functional), output]
    if isinstance(ends, dict):
        return {key: _ends(end, starts, functional) for key, end in ends.items()}
    if isinstance(ends, list):
        return [_ends(end, starts, functional) for end in ends]
    return ends
