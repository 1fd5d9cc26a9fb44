"""Targets and sample weights brought into the structure of the outputs they belong to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from graphc.keras.engine.structure import flatten, pack_as, structure_of


def is_nested(value: Any) -> bool:
    """Say whether a value is a list, tuple or dict rather than one tensor or identifier."""
    return isinstance(value, (list, tuple, dict))


def is_flat(outputs: Any) -> bool:
    """Say whether outputs are one list, tuple or dict of tensors, without deeper nesting."""
    return is_nested(outputs) and len(outputs) == len(flatten(outputs))


def outline(structure: Any) -> Any:
    """Return the structure with `'*'` for each leaf, for messages."""
    return pack_as(structure, ["*"] * len(flatten(structure)))


def in_order_of(outputs: Any, packed: Any) -> Any:
    """Return `packed`, a structure like the outputs, with dict keys in the order of theirs."""
    if isinstance(outputs, dict):
        return {key: in_order_of(inner, packed[key]) for key, inner in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return [in_order_of(a, b) for a, b in zip(outputs, packed, strict=True)]
    return packed


def names_of(outputs: Any, output_names: Sequence[str] | None) -> list[str] | None:
    """Return the names of the outputs in the order that they are reported in.

    The keys of a dict of outputs count, in the model's order where they are its output names.
    """
    if not (is_flat(outputs) and isinstance(outputs, dict)):
        return list(output_names) if output_names else None
    if output_names and set(outputs) == set(output_names):
        return list(output_names)
    return list(outputs) if isinstance(outputs, OrderedDict) else sorted(outputs)


def like_outputs(
    given: Any, outputs: Any, names: Sequence[str] | None, what: str, partial: bool = False
) -> Any:
    """Return targets (or weights) `given` in the structure of `outputs`.

    A dict by output name, a list in the order of the outputs, and containers of another type are
    brought into order. With `partial` a dict may leave outputs out; they get None.

    Raises:
        ValueError: the number of entries or the names do not match the outputs.
    """
    if structure_of(given) == structure_of(outputs):
        return given
    leaves = flatten(given)
    if isinstance(given, dict) and is_nested(outputs) and is_flat(given):
        leaves = _by_name(given, outputs, names, what, partial)
    if len(leaves) == len(flatten(outputs)):
        return pack_as(outputs, leaves)
    raise ValueError(
        f"{what} and y_pred have different structures: expected {len(flatten(outputs))} of them, "
        f"one for each output{_named(names)}, as {outline(outputs)}. "
        f"Received: {len(leaves)}, as {outline(given)}"
    )


def _by_name(
    given: dict[str, Any], outputs: Any, names: Sequence[str] | None, what: str, partial: bool
) -> list[Any]:
    """Return the entries of a dict in the order of the leaves of `outputs`."""
    order = sorted(outputs) if isinstance(outputs, dict) else names
    if not order or len(order) != len(flatten(outputs)):
        return flatten(given)
    unknown = [key for key in given if key not in order]
    missing = [name for name in order if name not in given]
    if not unknown and (partial or not missing):
        return [given.get(name) for name in order]
    raise ValueError(
        f"{what} and y_pred have different structures: expected a dict with the output names "
        f"{list(order)} as keys. Received: {list(given)}"
    )


def _named(names: Sequence[str] | None) -> str:
    return f" ({', '.join(map(str, names))})" if names else ""
