"""The rows of a search's folds, and one copy of what their trainings share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from graphc.sklearn.known import digest


@dataclass
class Kept:
    """Arrays of one search by their contents, so that equal ones are one object."""

    arrays: dict[Any, Any] = field(default_factory=dict)
    digests: dict[int, dict[Any, np.ndarray]] = field(default_factory=dict)
    trained: dict[int, tuple[Any, Any, Any]] = field(default_factory=dict)
    seen: dict[int, tuple[Any, Any]] = field(default_factory=dict)
    read: dict[Any, Any] = field(default_factory=dict)

    def one(self, array: Any) -> Any:
        """Return the same object for equal arrays; None for None."""
        if array is None:
            return None
        if id(array) not in self.seen:  # an array stays alive with its identity
            self.seen[id(array)] = array, self.arrays.setdefault(digest(array), array)
        return self.seen[id(array)][1]

    def places(self, x: np.ndarray, parts: list[np.ndarray]) -> dict[Any, np.ndarray]:
        """Return the numbers of the rows of parts of an array, by the parts' contents."""
        known = self.digests.setdefault(id(x), {})
        for part in parts:
            key = id(part)
            if key not in known:
                known[key] = digest(x[part])
        return {known[id(part)]: part for part in parts}


@dataclass(frozen=True)
class Fold:
    """Rows to train on, and rows to score.

    Attributes:
        X, y: all data, as the user gave them; after the steps of a pipeline, those to train on.
        chosen: the numbers of the rows to train on.
        scored: those to score, where `X` holds them.
        kept: what the search's trainings share.
    """

    X: Any
    y: Any
    chosen: np.ndarray
    scored: np.ndarray | None
    kept: Kept

    def train(self) -> tuple[Any, Any]:
        """Return the rows to train on, as scikit-learn gives them to `fit`."""
        y = None if self.y is None else _safe_indexing(self.y, self.chosen)
        return _safe_indexing(self.X, self.chosen), y

    def digests(self) -> tuple[Any, Any]:
        """Return digests of the rows to train on, `train()`, made once for all candidates."""
        known = self.kept.trained.get(id(self.chosen))
        if known is None:
            X, y = self.train()
            # Kept alive, lest another array have its identity.
            known = self.kept.trained[id(self.chosen)] = self.chosen, digest(X), digest(y)
        return known[1:]

    def agreed(self, whole: Any, mine: Any) -> Any:
        """Return an array of all rows that holds `mine` where they are trained on.

        That is `whole`, made of all rows at once, where it says the same of these; without it
        the other rows are zeros, equal for equal `mine`.
        """
        if mine is None:
            return None
        if whole is None or not np.array_equal(whole[self.chosen], mine):
            whole = np.zeros((len(self.X), *mine.shape[1:]), mine.dtype)
            whole[self.chosen] = mine
        return self.kept.one(whole)

    def parts(self) -> list[np.ndarray]:
        """Return the numbers of the rows that will be predicted."""
        return [self.chosen] if self.scored is None else [self.scored, self.chosen]
