"""Batch rules of losses over sequences and of regrouped axes."""

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


def _ctc_loss(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    fits = all(
        kind == FREE or (spec is not None and spec.shape[:1] == outs[0].shape)
        for kind, spec in zip(kinds, specs, strict=True)
    )
    return ROWS if fits and ZEROED not in kinds else MIXED


def _whole_images(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.shape[0] == out.shape[0]


def _rearrange(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    left, right = attrs["pattern"].split("->")
    firsts = left.split()[0], right.split()[0]
    return firsts[0] == firsts[1] and "(" not in firsts[0]


def _trapezoid(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    y, x = kinds
    source = specs[0]
    if source is None or x != FREE or 0 in axes_of(attrs, "axis", source.ndim, -1):
        return MIXED
    return y


RULES: dict[str, Rule] = {
    "nn.ctc_loss": rule(_ctc_loss),
    "nn.fold": first_operand(_whole_images, zero=True),
    "nn.unfold": first_operand(_whole_images, zero=True),
    "reduce.trapezoid": rule(_trapezoid),
    "shape.rearrange": first_operand(_rearrange, zero=True),
}
