"""What the tables of written-out attention hide, as far as they are constants."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir import ConstantArray, Value
from graphc.match import Match
from graphc.passes.attention_layout import SCORES, Layout

LEAST = -1e9  # no score comes near it, so a key of this score gets a share of exactly 0


def hides_the_future(m: Match, layout: Layout) -> bool:
    """Return whether the mask is certain to hide the keys behind a query's own, and no others."""
    visible = _visible(m)
    return visible is not None and _is_causal(visible, layout)


def penalises_the_future(m: Match, layout: Layout) -> bool:
    """Return whether the bias is certain to hide the keys behind a query's own, and is 0 before."""
    sign, table = (1, m.get("bias")) if m.get("penalty") is None else (-1, m.get("penalty"))
    bias = _known(table)
    if bias is None:
        return False
    hidden = sign * bias <= LEAST
    return bool(np.all(hidden | (bias == 0))) and _is_causal(~hidden, layout)


def reason_against_hiding(m: Match, layout: Layout) -> str | None:
    """Return None when what is filled in for hidden scores is as good as a mask."""
    if "fill" not in m.numbers:
        return None
    with np.errstate(over="ignore"):  # a half has no -1e9: it becomes -inf
        fill = float(np.asarray(m.numbers["fill"], m.node("math.where").specs[0].dtype))
    if not fill <= LEAST:
        return f"hidden scores are {fill:.8g}, which scores may come near"
    if np.isfinite(fill):
        return None
    visible = _visible(m)
    if visible is not None and _written(visible, layout).any(layout.table.index("s")).all():
        return None
    return "a query that sees no key gets NaN, the op gives it the mean of the values"


def _visible(m: Match) -> Any:
    hidden = _known(m.get("hidden"))
    if hidden is not None:
        return ~hidden.astype(bool)
    visible = _known(m.get("visible"))
    return None if visible is None else visible.astype(bool)


def _known(value: Value | None) -> Any:
    """Return the array of a constant; None for anything else."""
    held = None if value is None else value.node.attrs.get("value")
    return held.array if isinstance(held, ConstantArray) else None


def _written(array: Any, layout: Layout) -> Any:
    """Return a table with as many axes as the scores."""
    return array.reshape((1,) * (len(layout.table) - array.ndim) + array.shape)


def _is_causal(visible: Any, layout: Layout) -> bool:
    kept = [letter for letter in SCORES if letter in layout.table]
    table = _written(visible, layout).transpose([layout.table.index(letter) for letter in kept])
    sizes = dict(zip(layout.table, layout.shape, strict=True))
    size = (sizes["t"], sizes["s"])
    if table.shape != (*[1] * (table.ndim - 2), *size):
        return False
    return np.array_equal(table.reshape(size), np.tri(*size, dtype=bool))
