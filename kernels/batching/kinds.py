"""The four kinds of value, and the rules that hold for whole classes of ops.

- "free": does not depend on the batch;
- "rows": axis 0 is the batch, and row i depends only on row i of the operands;
- "zeroed": like rows, and the rows of padding are exactly 0 (or False);
- "mixed": depends on several rows together.

The rules assume that a row of padding repeats a real row: whatever is finite for real rows is then
finite for padding, so that multiplying by a zeroed weight gives exactly 0. For the same reason a
zeroed operand gives "mixed" wherever the result is not again exactly 0, or its derivative at 0 is
not finite: a zero made by the weight could meet a logarithm or a division that no real row meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphc.kernels.registry import TensorSpec

FREE, ROWS, ZEROED, MIXED = "free", "rows", "zeroed", "mixed"

Kinds = tuple[str, ...]
Specs = tuple[TensorSpec | None, ...]
Outs = tuple[TensorSpec, ...]
Attrs = Mapping[str, Any]
Rule = Callable[[tuple[str | None, ...], Specs, Attrs, Outs], Kinds]
# The kind of every result, for operands that are not all free and none of which is mixed.
Local = Callable[[Kinds, Specs, Attrs, Outs], str]


def rule(local: Local) -> Rule:
    """A full rule from one for the interesting case: free gives free, mixed gives mixed."""

    def complete(kinds: tuple[str | None, ...], specs: Specs, attrs: Attrs, outs: Outs) -> Kinds:
        known = tuple(FREE if kind is None else kind for kind in kinds)
        if MIXED in known:
            return (MIXED,) * len(outs)
        if all(kind == FREE for kind in known):
            return (FREE,) * len(outs)
        return (local(known, specs, attrs, outs),) * len(outs)

    return complete


def aligned(kinds: Kinds, specs: Specs, out: TensorSpec) -> bool:
    """Whether axis 0 of every operand that depends on the batch becomes axis 0 of `out`."""
    return all(
        kind == FREE or (spec is not None and same_rows(spec, out))
        for kind, spec in zip(kinds, specs, strict=True)
    )


def same_rows(spec: TensorSpec, out: TensorSpec) -> bool:
    """Whether the two have the same rank, at least 1, and as many rows."""
    return spec.ndim == out.ndim > 0 and spec.shape[0] == out.shape[0]


def elementwise(zero: Callable[[Sequence[bool]], bool]) -> Rule:
    """A rule for broadcasting ops; `zero` tells, from the zeroed operands, if the result is."""

    def local(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
        if not all(aligned(kinds, specs, out) for out in outs):
            return MIXED
        zeros = [kind == ZEROED for kind in kinds]
        if not any(zeros):
            return ROWS
        return ZEROED if zero(zeros) else MIXED

    return rule(local)


def never(zeros: Sequence[bool]) -> bool:
    """Zeroed operands do not make a zeroed result."""
    return False


def first_only(zeros: Sequence[bool]) -> bool:
    """The first operand, and no other, is zeroed: 0 divided by what is not 0."""
    return zeros[0] and not any(zeros[1:])


def first(zeros: Sequence[bool]) -> bool:
    """The first operand is zeroed."""
    return zeros[0]


def first_operand(keeps: Callable[[TensorSpec, Attrs, TensorSpec], bool], zero: bool) -> Rule:
    """A rule for ops that act on operand 0 with free others, keeping axis 0 when `keeps` says so.

    `zero` tells whether a zeroed operand gives zeroed results (else mixed).
    """

    def local(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
        source = specs[0]
        if source is None or source.ndim == 0 or any(kind != FREE for kind in kinds[1:]):
            return MIXED
        if not all(out.ndim and keeps(source, attrs, out) for out in outs):
            return MIXED
        return kinds[0] if zero or kinds[0] == ROWS else MIXED

    return rule(local)


def axes_of(attrs: Attrs, name: str, ndim: int, default: Any = None) -> tuple[int, ...]:
    """The attribute `name` as non-negative axes; None means all of them."""
    axis = attrs.get(name, default)
    if axis is None:
        return tuple(range(ndim))
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(a % max(ndim, 1) for a in axes)
