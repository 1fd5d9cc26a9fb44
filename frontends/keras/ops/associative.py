"""`keras.ops.associative_scan`, in ordinary ops, so that passes see every step of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.engine.structure import flatten, pack_as
from graphc.keras.ops.arrangement import concatenate, flip, reshape, stack
from graphc.keras.ops.core import convert_to_tensor

Function = Callable[..., Any]


def associative_scan(f: Function, elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Return all partial results of the associative `f(a, b)` along `axis`, in logarithmic depth.

    Raises:
        TypeError: `f` cannot be called.
        ValueError: the tensors of `elems` differ in their length along `axis`.

    Source: Blelloch, "Prefix sums and their applications" (1990).
    """
    if not callable(f):
        raise TypeError(f"Expected `f` to be a callable. Received: f={f}")
    tensors = [convert_to_tensor(leaf) for leaf in flatten(elems)]
    axis = axis + len(tensors[0].shape) if axis < 0 else axis
    lengths = {tensor.shape[axis] for tensor in tensors}
    if len(lengths) != 1:
        raise ValueError(
            "Expected tensors of the same length along the scanned axis. "
            f"Received: {[tuple(tensor.shape) for tensor in tensors]}, axis={axis}"
        )

    def combine(left: list[Any], right: list[Any]) -> list[Any]:
        return flatten(f(pack_as(elems, left), pack_as(elems, right)))

    turned = [flip(tensor, axis) for tensor in tensors] if reverse else tensors
    found = _prefixes(combine, turned, axis)
    return pack_as(elems, [flip(tensor, axis) for tensor in found] if reverse else found)


def _prefixes(combine: Function, tensors: list[Any], axis: int) -> list[Any]:
    """Combine neighbours, solve the half as long problem, and fill in the places between."""
    length = tensors[0].shape[axis]
    if length < 2:
        return tensors
    before = (slice(None),) * axis

    def part(many: list[Any], start: int | None, stop: int | None, step: int = 1) -> list[Any]:
        return [tensor[(*before, slice(start, stop, step))] for tensor in many]

    odd = _prefixes(combine, combine(part(tensors, 0, -1, 2), part(tensors, 1, None, 2)), axis)
    stop = -1 if length % 2 == 0 else None
    even = combine(part(odd, 0, stop), part(tensors, 2, None, 2))
    first = part(tensors, 0, 1)
    even = [concatenate([a, b], axis) for a, b in zip(first, even, strict=True)]
    return [_interleaved(a, b, axis) for a, b in zip(even, odd, strict=True)]


def _interleaved(even: Any, odd: Any, axis: int) -> Any:
    """Return even[0], odd[0], even[1] ... along `axis`; `even` may be one longer."""
    short = odd.shape[axis]
    before = (slice(None),) * axis
    pairs = stack([even[(*before, slice(0, short))], odd], axis + 1)
    shape = (*even.shape[:axis], 2 * short, *even.shape[axis + 1 :])
    merged = reshape(pairs, shape)
    if even.shape[axis] == short:
        return merged
    return concatenate([merged, even[(*before, slice(short, None))]], axis)
