"""scikit-learn's searches, whose trainings run together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn import model_selection
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from graphc.memory import old_objects_kept
from graphc.sklearn.known import known
from graphc.sklearn.together import Together, train_together

FITS = 256  # trainings whose models are held at once


class TogetherMixin:
    """A search that trains its candidates ahead, as lanes of shared programs.

    Results are those of scikit-learn's own search: its folds, scorers and `cv_results_`. Trainings
    that cannot be lanes (`trainings_` says how many, and why) are done one by one, as they are with
    `n_jobs` of more than one process.

    Attributes:
        trainings_: what was trained together and what was not; `print` it.
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search; see scikit-learn's class."""
        self.trainings_ = Together()
        one_process = self.n_jobs in (None, 1) and not params
        if not one_process:
            return super().fit(X, y, **params)
        with old_objects_kept(), self._fixed_folds(X, y):
            self._rows = X, y
            try:
                return super().fit(X, y)
            finally:
                del self._rows

    @contextmanager
    def _fixed_folds(self, X: Any, y: Any) -> Iterator[None]:
        """Draw the folds once, so that the trainings and their scores are of the same rows."""
        asked = self.cv
        folds = check_cv(asked, y, classifier=is_classifier(self.estimator))
        self.cv = [(np.asarray(a), np.asarray(b)) for a, b in folds.split(X, y)]
        try:
            yield
        finally:
            self.cv = asked

    def _run_search(self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None) -> Any:
        # Older versions of scikit-learn have no such context.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        if not hasattr(self, "_rows"):
            return super()._run_search(evaluate_candidates, **context)

        def evaluate(candidates: Any, cv: Any = None, callback_ctx: Any = None, **more: Any) -> Any:
            candidates, folds, results = list(candidates), cv or self.cv, None
            size = max(1, FITS // len(folds))
            for start in range(0, max(1, len(candidates)), size):
                part = candidates[start : start + size]
                done = train_together(
                    self.estimator, part, folds, *self._rows, refits=bool(self.refit)
                )
                self.trainings_.lanes += done.lanes
                self.trainings_.alone += done.alone
                if callback_ctx is not None:
                    more["callback_ctx"] = _Later(callback_ctx, start * len(folds))
                with known(done.trainings):  # and those of the part before are let go
                    results = evaluate_candidates(part, cv=cv, **more)
            return results  # of all so far

        return super()._run_search(evaluate, **context)


class _Later:
    """A callback context of scikit-learn, some of whose tasks were done by earlier parts."""

    def __init__(self, context: Any, done: int) -> None:
        self._context, self._done = context, done

    def subcontext(self, *, task_id: int, **given: Any) -> Any:
        """Return the context of one fit; their numbers go on where the last part ended."""
        return self._context.subcontext(task_id=self._done + task_id, **given)


class GridSearchCV(TogetherMixin, model_selection.GridSearchCV):
    """Every point of a grid, cross-validated; see scikit-learn's class of this name."""


class RandomizedSearchCV(TogetherMixin, model_selection.RandomizedSearchCV):
    """Points drawn from distributions, cross-validated; see scikit-learn's class of this name."""
