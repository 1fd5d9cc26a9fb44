"""Batch rules of reductions and scans."""

from __future__ import annotations

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
    axes_of,
    first_operand,
    rule,
)
from graphc.kernels.registry import TensorSpec

# Zeros do not change these, so over the batch axis a zeroed operand gives a free result.
SUMS = ("reduce.sum", "reduce.nansum", "reduce.any", "reduce.count_nonzero")
ZERO_OF_ZEROS = (
    "reduce.mean", "reduce.var", "reduce.max", "reduce.min", "reduce.prod", "reduce.all",
    "reduce.median", "reduce.ptp", "reduce.nanmean", "reduce.nanvar", "reduce.nanmax",
    "reduce.nanmin", "reduce.nanprod", "reduce.nanmedian",
)  # fmt: skip
OTHERS = (
    "reduce.std", "reduce.argmax", "reduce.argmin", "reduce.logsumexp", "reduce.nanstd",
    "reduce.nanargmax", "reduce.nanargmin", "reduce.quantile", "reduce.percentile",
    "reduce.nanquantile", "reduce.nanpercentile",
)  # fmt: skip
SCANS = ("reduce.cumsum", "reduce.cumprod", "reduce.nancumsum")


def _sum(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    source = specs[0]
    if source is None or any(kind != FREE for kind in kinds[1:]):
        return MIXED
    if 0 not in axes_of(attrs, "axis", source.ndim):
        return kinds[0]
    return FREE if kinds[0] == ZEROED else MIXED


def _other_axes(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return 0 not in axes_of(attrs, "axis", source.ndim)


def _quantile_axes(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return _other_axes(source, attrs, out) and out.shape[0] == source.shape[0]


def _moments(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return 0 not in axes_of(attrs, "axes", source.ndim)


def _segment_sum(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    return summed_rows(kinds[0], specs[0], outs[0])


def summed_rows(kind: str, values: TensorSpec | None, out: TensorSpec) -> str:
    """The kind of a tensor onto which rows were added at computed places.

    With as many rows as the batch it may be shaped like the batch, which is not free.
    """
    like_batch = values is None or out.shape[:1] == values.shape[:1]
    return FREE if kind == ZEROED and not like_batch else MIXED


def _bincount(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    flat = specs[0] is not None and specs[0].ndim == 1
    return summed_rows(kinds[1], specs[1], outs[0]) if flat else MIXED


def _in_top_k(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    return MIXED if ZEROED in kinds or not outs[0].ndim else ROWS


def _average(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    source = specs[0]
    if kinds[0] != ROWS or kinds[1] != FREE or source is None:
        return MIXED
    return ROWS if 0 not in axes_of(attrs, "axis", source.ndim) else MIXED


RULES: dict[str, Rule] = {
    **dict.fromkeys(SUMS, rule(_sum)),
    **dict.fromkeys((*ZERO_OF_ZEROS, *SCANS), first_operand(_other_axes, zero=True)),
    **dict.fromkeys(OTHERS, first_operand(_quantile_axes, zero=False)),
    "nn.moments": first_operand(_moments, zero=True),
    "reduce.segment_sum": rule(_segment_sum),
    "reduce.bincount": rule(_bincount),
    "reduce.in_top_k": rule(_in_top_k),
    "reduce.average": rule(_average),
}
