"""scikit-learn's searches, whose trainings run together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from sklearn import model_selection
from sklearn.base import is_classifier
from sklearn.model_selection import check_cv

from graphc.memory import old_objects_kept
from graphc.sklearn.ahead import Ahead
from graphc.sklearn.known import known
from graphc.sklearn.lane_makers import MAKERS
from graphc.sklearn.together import History, Together, last_step, train_alone
from graphc.sklearn.watching import SearchTable, Watch, heard


class TogetherMixin:
    """A search that trains its candidates ahead, as lanes of shared programs.

    Results are those of scikit-learn's own search: its folds, scorers and `cv_results_`. Trainings
    that cannot be lanes (`trainings_` says how many, and why) are done one by one. `n_jobs` counts
    for estimators of other libraries alone: lanes, and steps of large models, use all cores of this
    process, while others would compile everything again. With `verbose`, a table shows how far the
    search is.

    Attributes:
        trainings_: what was trained together and what was not; `print` it.
        histories_: for each candidate a dict of a number an epoch under each name, the mean of its
            folds; empty for those that were fitted one by one.
    """

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search; see scikit-learn's class."""
        self.trainings_, self.histories_ = Together(), list[History]()
        ours = isinstance(last_step(self.estimator, {}), tuple(MAKERS))
        if params or (self.n_jobs not in (None, 1) and not ours):
            return self._fit_alone(X, y, params)
        watch = self._watch() if self.verbose else Watch()
        with old_objects_kept(), self._fixed(X, y, one_process=ours), watch:
            self._at_work, self._seconds, self._scorers = (X, y, watch), list[float](), (None, None)
            try:
                with known(self._refitted):
                    super().fit(X, y)
                self._set_times()
                telling, given = self._scorers
                if self.scorer_ is telling:
                    self.scorer_ = given
                return self
            finally:
                del self._at_work, self._seconds, self._scorers

    def _fit_alone(self, X: Any, y: Any, params: dict[str, Any]) -> Self:
        """Search as scikit-learn does, and tell why."""
        super().fit(X, y, **params)
        name = type(last_step(self.estimator, {})).__name__
        given = f"`fit` was given {', '.join(sorted(params))}"
        reason = given if params else f"{name} is not an estimator of graphc"
        self.trainings_.alone[reason] = len(self.cv_results_["params"]) * self.n_splits_
        return self

    def _watch(self) -> Watch:
        return SearchTable(train_scores=self.return_train_score)

    def _refitted(self, estimator: Any, X: Any, y: Any) -> Any:
        """Return the best estimator, fitted on all rows; None where that is left to `fit`."""
        return train_alone(estimator, X, y) if self.trainings_.lanes else None

    def _set_times(self) -> None:
        """Tell the time of trainings that were done together: what asks for them takes none."""
        for number, seconds in enumerate(self._seconds):
            if not math.isnan(seconds):
                self.cv_results_["mean_fit_time"][number] = seconds
                self.cv_results_["std_fit_time"][number] = 0.0

    @contextmanager
    def _fixed(self, X: Any, y: Any, *, one_process: bool) -> Iterator[None]:
        """Draw the folds once, so that the trainings and their scores are of the same rows."""
        asked = self.cv, self.n_jobs
        folds = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.cv = [(np.asarray(a), np.asarray(b)) for a, b in folds.split(X, y)]
        self.n_jobs = 1 if one_process else self.n_jobs
        try:
            yield
        finally:
            self.cv, self.n_jobs = asked

    def _get_scorers(self) -> Any:
        scorers, refit = super()._get_scorers()
        if not hasattr(self, "_at_work"):
            return scorers, refit
        self._scorers = heard(scorers, self._at_work[2]), scorers
        return self._scorers[0], refit

    def _run_search(self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None) -> Any:
        # Older versions of scikit-learn have no such context.
        context = {} if callback_ctx is None else {"callback_ctx": callback_ctx}
        if not hasattr(self, "_at_work"):
            return super()._run_search(evaluate_candidates, **context)
        X, y, watch = self._at_work

        def evaluate(candidates: Any, cv: Any = None, **more: Any) -> Any:
            candidates, folds = list(candidates), cv or self.cv
            ahead = Ahead(
                self.estimator, candidates, folds, X, y, told=self.trainings_,
                watch=watch.begin(candidates, len(folds)),
            )  # fmt: skip
            with known(ahead.find), watch.failing():
                results = evaluate_candidates(candidates, cv=cv, **more)
            ahead.close()
            self._seconds += ahead.seconds
            self.histories_ += ahead.histories
            watch.end(results)
            return results

        return super()._run_search(evaluate, **context)


class GridSearchCV(TogetherMixin, model_selection.GridSearchCV):
    """Every point of a grid, cross-validated; see scikit-learn's class of this name."""


class RandomizedSearchCV(TogetherMixin, model_selection.RandomizedSearchCV):
    """Points drawn from distributions, cross-validated; see scikit-learn's class of this name."""
