"""How much each hyperparameter alone says of the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras_tuner.seeing.records import INACTIVE, SearchRecord, numbers_of

PARTS = 4  # into how many parts of equal count the values of a range are put


def importance(search: SearchRecord) -> dict[str, float]:
    """Return, by hyperparameter, the share of the variance of the score's rank that it explains.

    The trials are grouped by its value (ranges in four parts of equal count; those where it was
    inactive are a group, too): the share is the variance of the groups' mean ranks over that of
    the ranks, less what groups of such sizes explain by chance, from 0 to 1. Shares of several do
    not add up: what two explain only together counts for neither.
    """
    scores = np.array([one.score for one in search.scored])
    if len(scores) < 3 or np.ptp(scores) == 0:
        return dict.fromkeys(search.names, 0.0)
    ranks = _ranks(scores)
    return {
        name: _explained(ranks, _groups([one.values.get(name, INACTIVE) for one in search.scored]))
        for name in search.names
    }


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 0; equal values share theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts + 1) / 2)[inverse]


def _groups(values: Sequence[Any]) -> np.ndarray:
    known = numbers_of(values)
    if known is None or len(set(known)) <= PARTS:
        names = {name: n for n, name in enumerate(dict.fromkeys(map(repr, values)))}
        return np.array([names[repr(value)] for value in values])
    edges = np.quantile(np.array(known, float), np.linspace(0, 1, PARTS + 1)[1:-1])
    inactive = [value is INACTIVE for value in values]
    floats = np.array([0.0 if no else float(v) for v, no in zip(values, inactive, strict=True)])
    return np.where(inactive, -1, np.searchsorted(edges, floats, side="left"))


def _explained(ranks: np.ndarray, groups: np.ndarray) -> float:
    """Return the corrected share (epsilon squared) of the variance between groups."""
    kinds = np.unique(groups)
    within = sum(float(np.sum((r - r.mean()) ** 2)) for r in (ranks[groups == g] for g in kinds))
    total = float(np.sum((ranks - ranks.mean()) ** 2))
    free = len(ranks) - len(kinds)
    if free <= 0:
        return 0.0
    return max(0.0, 1 - (within / free) / (total / (len(ranks) - 1)))
