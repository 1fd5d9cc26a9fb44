"""Batch rules of products: everything that is an Einstein summation in disguise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

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
    rule,
)
from graphc.kernels.registry import TensorSpec

Label = str | int  # a letter, or for axes under an ellipsis their distance from its right end
Labels = tuple[Label, ...]
Axes = int | tuple[int, ...]


def contracted(kinds: Kinds, operands: Sequence[Labels], out: Labels) -> str:
    """The kind of a sum of products whose axes carry these labels.

    Every operand that depends on the batch must carry it under one and the same label, once. Kept
    in front, it gives rows. Summed over, it gives a free result if a zeroed factor removes the
    terms of padding.
    """
    dependent = [labels for kind, labels in zip(kinds, operands, strict=True) if kind != FREE]
    if any(not labels for labels in dependent):
        return MIXED
    batch = dependent[0][0]
    if any(labels[0] != batch or labels.count(batch) > 1 for labels in dependent):
        return MIXED
    if batch not in out:
        return FREE if ZEROED in kinds else MIXED
    if out[0] != batch:
        return MIXED
    return ZEROED if ZEROED in kinds else ROWS


def einsum_labels(subscripts: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The labels of every operand and of the result of an `einsum` with or without `->`."""
    sides = subscripts.replace(" ", "").split("->")
    terms = sides[0].split(",")
    operands = [_expand(term, rank) for term, rank in zip(terms, ranks, strict=True)]
    hidden = max((n for labels in operands for n in labels if isinstance(n, int)), default=-1)
    ellipsis: Labels = tuple(range(hidden, -1, -1))
    if len(sides) == 2:
        before, _, after = sides[1].partition("...")
        return operands, (*before, *(ellipsis if "..." in sides[1] else ()), *after)
    counts = Counter(c for term in terms for c in term.replace("...", ""))
    return operands, (*ellipsis, *sorted(c for c, n in counts.items() if n == 1))


def _expand(term: str, rank: int) -> Labels:
    if "..." not in term:
        return tuple(term)
    before, after = term.split("...")
    hidden = rank - len(before) - len(after)
    return (*before, *range(hidden - 1, -1, -1), *after)


def _einsum(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    ranks = [0 if spec is None else spec.ndim for spec in specs]
    return contracted(kinds, *einsum_labels(attrs["subscripts"], ranks))


def _matmul(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, y = _ranks(specs)
    left = "k" if x == 1 else "...mk"
    right = "k" if y == 1 else "...kn"
    out = "..." + "m" * (x > 1) + "n" * (y > 1)
    return contracted(kinds, *einsum_labels(f"{left},{right}->{out}", (x, y)))


def _dense(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, kernel, bias = kinds
    if (kernel, bias) != (FREE, FREE) or outs[0].ndim < 2:
        return MIXED
    return ROWS if x == ROWS else MIXED


def _tensordot(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, y = _ranks(specs)
    axes: int | tuple[Axes, Axes] = attrs.get("axes", 2)
    if isinstance(axes, int):
        return _joined(kinds, x, y, tuple(range(x - axes, x)), tuple(range(axes)))
    left, right = ((a,) if isinstance(a, int) else a for a in axes)
    return _joined(kinds, x, y, left, right)


def _dot(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, y = _ranks(specs)
    if not x or not y:
        return MIXED
    return _joined(kinds, x, y, (-1,), (-1 if y == 1 else -2,))


def _inner(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, y = _ranks(specs)
    return _joined(kinds, x, y, (-1,), (-1,)) if x and y else MIXED


def _joined(kinds: Kinds, x: int, y: int, x_axes: tuple[int, ...], y_axes: tuple[int, ...]) -> str:
    """The kind of a product that sums `x_axes` against `y_axes` and keeps the others, x first."""
    left, right = [f"x{i}" for i in range(x)], [f"y{i}" for i in range(y)]
    for a, b in zip(x_axes, y_axes, strict=True):
        right[b] = left[a]
    out = (*(n for n in left if n not in right), *(n for n in right if n not in left))
    return contracted(kinds, (tuple(left), tuple(right)), out)


def _vdot(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, y = specs
    same = x is not None and y is not None and x.shape == y.shape
    return FREE if same and ZEROED in kinds else MIXED


def _outer(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x = specs[0]
    return kinds[0] if x is not None and x.ndim == 1 and kinds[1] == FREE else MIXED


def _trace(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x = specs[0]
    if x is None or x.ndim < 3:
        return MIXED
    pair = (attrs.get("axis1", 0) % x.ndim, attrs.get("axis2", 1) % x.ndim)
    return MIXED if 0 in pair else kinds[0]


def _norm(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x = specs[0]
    if x is None or 0 in axes_of(attrs, "axis", x.ndim):
        return MIXED
    return ROWS if kinds[0] == ROWS else MIXED


def _ranks(specs: Specs) -> tuple[int, int]:
    x, y = (TensorSpec((), "float32") if spec is None else spec for spec in specs)
    return x.ndim, y.ndim


RULES: dict[str, Rule] = {
    "linalg.matmul": rule(_matmul),
    "linalg.einsum": rule(_einsum),
    "linalg.tensordot": rule(_tensordot),
    "linalg.dot": rule(_dot),
    "linalg.inner": rule(_inner),
    "linalg.vdot": rule(_vdot),
    "linalg.outer": rule(_outer),
    "linalg.trace": rule(_trace),
    "linalg.norm": rule(_norm),
    "nn.dense": rule(_dense),
}
