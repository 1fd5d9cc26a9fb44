"""The trainings of a search, done some ahead of the estimators that ask for them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from graphc.sklearn.known import Give, digest, params_key
from graphc.sklearn.together import History, Split, Together, last_step, train_together
from graphc.sklearn.watching import Watch

FITS = 256  # trainings whose models are held at once
BYTES = 1 << 30  # of weights and slots that these may begin with


class Ahead:
    """Trains candidates in parts, each when the first of its estimators asks.

    Args:
        estimator: what is tuned.
        candidates: its parameters, in the order in which they will be fitted.
        splits: the folds.
        X, y: all data.
        told: is added what was done how.
        watch: is told of every training.

    Attributes:
        seconds: for each candidate how long a fit took, on average over those beside it; NaN where
            it was not trained ahead.
        histories: for each candidate the logs of its epochs, the mean of its folds.
    """

    def __init__(
        self,
        estimator: Any,
        candidates: Sequence[Mapping[str, Any]],
        splits: Sequence[Split],
        X: Any,
        y: Any,
        *,
        told: Together,
        watch: Watch,
    ) -> None:
        self._estimator, self._candidates, self._splits = estimator, candidates, splits
        self._rows, self._told, self._watch = (X, y), told, watch
        self._next = 0  # the first candidate that is not trained yet
        self._trained: dict[Any, Give] = {}
        self._asked: Counter[Any] = Counter()
        self._places: dict[Any, list[int]] | None = None
        self.seconds = [math.nan] * len(candidates)
        self.histories: list[History] = [{} for _ in candidates]

    def find(self, estimator: Any, X: Any, y: Any) -> Any:
        """Return an estimator, fitted by its training; None where it is left to `fit`."""
        params = params_key(estimator)
        if self._next == 0:
            self._train()
        while self._number_of(params) >= self._next:
            self._train()
        self._asked[params] += 1
        if not self._trained:
            return None  # to look at all rows takes long
        give = self._trained.get((params, (digest(X), digest(y))))
        return None if give is None else give(estimator, X, y)

    def close(self) -> None:
        """Note those that never asked."""
        for params in self._candidates[self._next :]:
            name = type(last_step(self._estimator, params)).__name__
            self._told.alone[f"{name} is not an estimator of graphc"] += len(self._splits)

    def _number_of(self, params: Any) -> int:
        """Return which candidate asks: those of equal parameters do so in their order."""
        if self._next == len(self._candidates):
            return 0  # all are trained
        if self._places is None:
            self._places = self._places_of_all()
        numbers = self._places.get(params, [0])
        place = self._asked[params] // len(self._splits)
        return numbers[min(place, len(numbers) - 1)]

    def _train(self) -> None:
        """Train the next part; the trainings of the one before are let go."""
        first, self._trained = self._next, {}
        most = max(1, FITS // len(self._splits))
        done = train_together(
            self._estimator, self._candidates[first : first + most], self._splits, *self._rows,
            room=BYTES, watch=self._watch.part(first),
        )  # fmt: skip
        self._next += done.count
        self._trained = done.trainings
        self._told.add(done.told)
        for number, history in zip(done.numbers, done.histories, strict=True):
            self.seconds[first + number], self.histories[first + number] = done.seconds, history

    def _places_of_all(self) -> dict[Any, list[int]]:
        """Return the numbers of the candidates by the parameters of what will be fitted."""
        places: dict[Any, list[int]] = {}
        for number, params in enumerate(self._candidates):
            try:
                last = last_step(self._estimator, params)
            except Exception:  # noqa: BLE001 - names that there are not; `fit` says so
                continue
            places.setdefault(params_key(last), []).append(number)
        return places
