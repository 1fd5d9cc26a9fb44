"""Batch rules of ops that rearrange, index and create."""

from __future__ import annotations

from typing import Any

from graphc.kernels.batching.kinds import (
    FREE,
    MIXED,
    ROWS,
    ZEROED,
    Attrs,
    Kinds,
    Outs,
    Rule,
    Specs,
    aligned,
    axes_of,
    first_operand,
    rule,
    same_rows,
)
from graphc.kernels.batching.reduction import summed_rows
from graphc.kernels.registry import TensorSpec

WHOLE = (("slice", None, None, None), ("slice", 0, None, None), ("slice", None, None, 1))


def _same_length(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.shape[0] == out.shape[0]


def _transpose(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    axes = attrs.get("axes")
    return source.ndim == 1 or (axes is not None and axes[0] % source.ndim == 0)


def _new_axis(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return 0 not in axes_of(attrs, "axis", out.ndim)


def _squeeze(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    if attrs.get("axis") is None:
        return source.shape[0] != 1
    return 0 not in axes_of(attrs, "axis", source.ndim)


def _axis(default: Any = None) -> Any:
    def keeps(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
        return 0 not in axes_of(attrs, "axis", source.ndim, default)

    return keeps


def _two_axes(one: str, other: str, defaults: tuple[int, int] | None = None) -> Any:
    def keeps(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
        first, second = defaults or (None, None)
        axes = axes_of(attrs, one, source.ndim, first), axes_of(attrs, other, source.ndim, second)
        return 0 not in axes[0] and 0 not in axes[1]

    return keeps


def _matrices(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim > 2


def _vectors(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim > 1


def _same_rows(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return same_rows(source, out)


def _pad(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    source, width = specs[0], attrs["pad_width"]
    if source is None or isinstance(width, int) or len(width) != source.ndim:
        return MIXED
    if not isinstance(width[0], tuple) or tuple(width[0]) != (0, 0):
        return MIXED
    return kinds[0] if kinds[0] == ROWS or not attrs.get("constant_values") else MIXED


def _join(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    if 0 in axes_of(attrs, "axis", outs[0].ndim, 0):
        return MIXED
    if all(kind == ZEROED for kind in kinds):
        return ZEROED
    return MIXED if ZEROED in kinds else ROWS


def _getitem(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    source = specs[0]
    index: tuple[Any, ...] = attrs["index"]
    x, *dynamic = kinds
    if source is None:
        return MIXED
    arrays = [item for item in index if isinstance(item, tuple) and "array" in item]
    if x == FREE:
        # Rows looked up in a free table.
        return ROWS if index == (("array", 0),) and dynamic == [ROWS] else MIXED
    if any(kind != FREE for kind in dynamic) or not _keeps_rows(index, source.ndim):
        return MIXED
    # Several arrays, or an array and an integer, may move their common axis to the front.
    integers = any(isinstance(item, int) for item in index)
    return MIXED if len(arrays) > 1 or (arrays and integers) else x


def _keeps_rows(index: tuple[Any, ...], ndim: int) -> bool:
    if not index or index[0] in WHOLE:
        return True
    consuming = [item for item in index if item is not None and item is not Ellipsis]
    return index[0] is Ellipsis and len(consuming) < ndim


def _take(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    source, axis = specs[0], attrs.get("axis")
    x, indices = kinds
    if source is None or axis is None or not source.ndim or (x != FREE and indices != FREE):
        return MIXED
    at_rows = axis % source.ndim == 0
    if x == FREE:
        return ROWS if at_rows and indices == ROWS else MIXED
    return MIXED if at_rows else x


def _take_along_axis(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    axis = attrs.get("axis")
    if axis is None or axis % outs[0].ndim == 0 or not aligned(kinds, specs, outs[0]):
        return MIXED
    x, indices = kinds
    if indices == ZEROED:
        return MIXED
    return ZEROED if x == ZEROED else ROWS


def _slice_update(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    if any(kind != FREE for kind in kinds[2:]) or not aligned(kinds[:2], specs[:2], outs[0]):
        return MIXED
    if specs[1] is None or specs[1].shape[0] != outs[0].shape[0]:
        return MIXED
    if kinds[:2] == (ZEROED, ZEROED):
        return ZEROED
    return MIXED if ZEROED in kinds else ROWS


def _scatter(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    return summed_rows(kinds[1], specs[1], outs[0])


def _scatter_update(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    adds = attrs.get("reduction") == "add" and kinds[0] == FREE
    return summed_rows(kinds[2], specs[2], outs[0]) if adds else MIXED


def _one_hot(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return attrs.get("axis", -1) % out.ndim != 0


def _multi_hot(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim > 1 and attrs.get("axis", -1) == -1


def _lookup(operand: int) -> Rule:
    """A rule for ops that compare each element of one operand with free others."""

    def local(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
        others = kinds[:operand] + kinds[operand + 1 :]
        alone = kinds[operand] == ROWS and all(kind == FREE for kind in others)
        return ROWS if alone and aligned(kinds, specs, outs[0]) else MIXED

    return rule(local)


def _like(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    # Only the shape of the first operand matters, and it is the batch's.
    x, value = kinds
    return MIXED if value != FREE or x == ZEROED else ROWS


RULES: dict[str, Rule] = {
    "shape.reshape": first_operand(_same_length, zero=True),
    "shape.ravel": first_operand(_same_rows, zero=True),
    "shape.transpose": first_operand(_transpose, zero=True),
    "shape.expand_dims": first_operand(_new_axis, zero=True),
    "shape.squeeze": first_operand(_squeeze, zero=True),
    "shape.broadcast_to": first_operand(_same_rows, zero=True),
    "shape.swapaxes": first_operand(_two_axes("axis1", "axis2"), zero=True),
    "shape.moveaxis": first_operand(_two_axes("source", "destination"), zero=True),
    "shape.diagonal": first_operand(_two_axes("axis1", "axis2", (0, 1)), zero=True),
    "shape.flip": first_operand(_axis(), zero=True),
    "shape.roll": first_operand(_axis(), zero=True),
    "shape.repeat": first_operand(_axis(), zero=True),
    "shape.tile": first_operand(_same_rows, zero=True),
    "shape.tril": first_operand(_matrices, zero=True),
    "shape.triu": first_operand(_matrices, zero=True),
    "shape.diff": first_operand(_axis(-1), zero=True),
    "shape.depth_to_space": first_operand(_matrices, zero=True),
    "shape.space_to_depth": first_operand(_matrices, zero=True),
    "shape.pad": rule(_pad),
    "shape.concatenate": rule(_join),
    "shape.stack": rule(_join),
    "shape.split": first_operand(_axis(0), zero=True),
    "shape.array_split": first_operand(_axis(0), zero=True),
    "shape.unstack": first_operand(_axis(0), zero=True),
    "shape.getitem": rule(_getitem),
    "shape.take": rule(_take),
    "shape.take_along_axis": rule(_take_along_axis),
    "shape.slice": first_operand(_same_rows, zero=True),
    "shape.slice_dynamic": first_operand(_same_rows, zero=True),
    "shape.slice_update": rule(_slice_update),
    "shape.scatter": rule(_scatter),
    "shape.scatter_update": rule(_scatter_update),
    "shape.sort": first_operand(_axis(-1), zero=True),
    "shape.argsort": first_operand(_axis(-1), zero=False),
    "shape.top_k": first_operand(_vectors, zero=False),
    "shape.one_hot": first_operand(_one_hot, zero=False),
    "shape.multi_hot": first_operand(_multi_hot, zero=False),
    "shape.searchsorted": _lookup(1),
    "shape.digitize": _lookup(0),
    "shape.isin": _lookup(0),
    "shape.full_like": rule(_like),
    **dict.fromkeys(
        ("signal.rfft", "signal.stft", "signal.extract_sequences"),
        first_operand(_vectors, zero=False),
    ),
}
