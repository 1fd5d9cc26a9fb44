"""Batch rules where the batch is not axis 0, or shares it with other axes.

`Placed(axis, factor)`: along `axis` stand `factor` entries for each sample, one sample after the
other, and an entry depends only on the sample that it belongs to. `Placed(0)` is "rows". Recurrent
layers move time before the batch, `Placed(1)`; a layer that treats each step alike merges the
steps into the batch, `Placed(0, steps)`, and splits them again.

An op that has no rule here mixes. Free operands that are as long as the batch along its axis are
told apart by the caller: only if all their entries are equal do they mean the same for any sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphc.kernels.batching import elementwise as pointwise
from graphc.kernels.batching.kinds import FREE, MIXED, ROWS, Attrs, Outs, Specs, axes_of
from graphc.kernels.batching.reduction import SUMS, ZERO_OF_ZEROS
from graphc.kernels.registry import TensorSpec


@dataclass(frozen=True)
class Placed:
    """Where the batch is: `factor` entries a sample along `axis`."""

    axis: int
    factor: int = 1


Kind = str | Placed
Kinds = tuple[Kind, ...]
# As a rule, for operands that are free or placed, at least one of them placed.
PlacedRule = Callable[[Kinds, Specs, Attrs, Outs], Kind]
AtFirst = Callable[[Placed, TensorSpec, Attrs, TensorSpec], Kind]

ROW = Placed(0)


def normal(kind: Kind) -> Kind:
    """Return the plain name of a place, where it has one."""
    return ROWS if kind == ROW else kind


def _on_first(change: AtFirst) -> PlacedRule:
    """A rule for ops of one placed operand, the first, and free others."""

    def local(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> Kind:
        first, source = kinds[0], specs[0]
        if not isinstance(first, Placed) or source is None or any(k != FREE for k in kinds[1:]):
            return MIXED
        found = {change(first, source, attrs, out) for out in outs}
        place = found.pop()
        if found or not isinstance(place, Placed):
            return MIXED
        length = source.shape[first.axis] // first.factor * place.factor
        fits = all(out.ndim > place.axis and out.shape[place.axis] == length for out in outs)
        return place if fits else MIXED

    return local


def _swapaxes(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    one, other = attrs["axis1"] % source.ndim, attrs["axis2"] % source.ndim
    return Placed({one: other, other: one}.get(place.axis, place.axis), place.factor)


def _transpose(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    axes = attrs.get("axes")
    order = range(source.ndim)[::-1] if axes is None else [axis % source.ndim for axis in axes]
    return Placed(list(order).index(place.axis), place.factor)


def _moveaxis(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    moved = axes_of(attrs, "source", source.ndim), axes_of(attrs, "destination", source.ndim)
    order = [axis for axis in range(source.ndim) if axis not in moved[0]]
    for destination, axis in sorted(zip(moved[1], moved[0], strict=True)):
        order.insert(destination, axis)
    return Placed(order.index(place.axis), place.factor)


def _expand_dims(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    new = axes_of(attrs, "axis", out.ndim)
    kept = [axis for axis in range(out.ndim) if axis not in new]
    return Placed(kept[place.axis], place.factor)


def _squeeze(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    if attrs.get("axis") is None:
        return MIXED
    return _without(place, axes_of(attrs, "axis", source.ndim))


def _without(place: Placed, gone: tuple[int, ...]) -> Kind:
    if place.axis in gone:
        return MIXED
    return Placed(place.axis - sum(axis < place.axis for axis in gone), place.factor)


def _reshape(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    """In the order of memory, a sample is one run of entries for each index before its axis."""
    axis = place.axis
    if out.ndim <= axis or source.shape[:axis] != out.shape[:axis]:
        return MIXED
    sample = place.factor * math.prod(source.shape[axis + 1 :])
    entry = math.prod(out.shape[axis + 1 :])
    if not entry or not sample or sample % entry:
        return MIXED
    return Placed(axis, sample // entry)


def _other_axes(name: str, default: Any = None) -> AtFirst:
    """Ops along axes: the batch's must not be among them, and all axes stay."""

    def change(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
        return MIXED if place.axis in axes_of(attrs, name, source.ndim, default) else place

    return change


def _reduce(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    gone = axes_of(attrs, "axis", source.ndim)
    if place.axis in gone:
        return MIXED
    return place if attrs.get("keepdims") else _without(place, gone)


def _getitem(place: Placed, source: TensorSpec, attrs: Attrs, out: TensorSpec) -> Kind:
    """Integers and slices of axes before the batch's; the batch's axis and all after it whole."""
    index: tuple[Any, ...] = attrs["index"]
    before, rest = index[: place.axis], index[place.axis :]
    plain = all(
        isinstance(item, int) or (isinstance(item, tuple) and item[0] == "slice") for item in before
    )
    whole = all(item == ("slice", None, None, None) for item in rest)
    if not plain or not whole or len(before) < place.axis:
        return MIXED
    return _without(place, tuple(i for i, item in enumerate(before) if isinstance(item, int)))


def _dense(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> Kind:
    x, *others = kinds
    source = specs[0]
    if not isinstance(x, Placed) or source is None or any(kind != FREE for kind in others):
        return MIXED
    return x if x.axis < source.ndim - 1 and outs[0].ndim == source.ndim else MIXED


def _pointwise(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> Kind:
    """Axes line up from the right; all placed operands must have the batch at one place."""
    out = outs[0]
    found: set[Placed] = set()
    for kind, spec in zip(kinds, specs, strict=True):
        if not isinstance(kind, Placed):
            continue
        if spec is None or spec.ndim > out.ndim:
            return MIXED
        axis = kind.axis + out.ndim - spec.ndim
        if out.shape[axis] != spec.shape[kind.axis]:
            return MIXED
        found.add(Placed(axis, kind.factor))
    return found.pop() if len(found) == 1 else MIXED


def _join(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> Kind:
    first = kinds[0]
    if not isinstance(first, Placed) or any(kind != first for kind in kinds):
        return MIXED
    return MIXED if first.axis in axes_of(attrs, "axis", outs[0].ndim, 0) else first


def _stack(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> Kind:
    first = kinds[0]
    if not isinstance(first, Placed) or any(kind != first for kind in kinds):
        return MIXED
    (new,) = axes_of(attrs, "axis", outs[0].ndim, 0)
    return Placed(first.axis + (new <= first.axis), first.factor)


POINTWISE = (
    *pointwise.ZERO_AT_ZERO, *pointwise.OTHER_UNARY, *pointwise.ZERO_IF_ALL, *pointwise.ZERO_IF_ANY,
    *pointwise.ZERO_IF_FIRST_ONLY, *pointwise.ZERO_IF_FIRST, *pointwise.OTHER_BINARY, "math.where",
)  # fmt: skip
OTHER_REDUCTIONS = ("reduce.std", "reduce.argmax", "reduce.argmin", "reduce.logsumexp")
PLACED_RULES: Mapping[str, PlacedRule] = {
    **dict.fromkeys(POINTWISE, _pointwise),
    **dict.fromkeys((*SUMS, *ZERO_OF_ZEROS, *OTHER_REDUCTIONS), _on_first(_reduce)),
    **dict.fromkeys(
        ("nn.softmax", "nn.log_softmax", "nn.layer_norm", "nn.rms_norm"),
        _on_first(_other_axes("axis", -1)),
    ),
    "nn.dense": _dense,
    "shape.swapaxes": _on_first(_swapaxes),
    "shape.transpose": _on_first(_transpose),
    "shape.moveaxis": _on_first(_moveaxis),
    "shape.expand_dims": _on_first(_expand_dims),
    "shape.squeeze": _on_first(_squeeze),
    "shape.reshape": _on_first(_reshape),
    "shape.flip": _on_first(_other_axes("axis")),
    "shape.getitem": _on_first(_getitem),
    "shape.concatenate": _join,
    "shape.stack": _stack,
}
