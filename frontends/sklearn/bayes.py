"""`BayesSearchCV`: a cross-validated search whose next candidates follow from the scores so far."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Self

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state

from graphc.sklearn.search import TogetherMixin
from graphc.sklearn.seeding import LARGEST
from graphc.sklearn.watching import SearchTable, Watch

ALL_FAILED = "All the"  # how scikit-learn's error begins when no fit went well
EXTRA = "BayesSearchCV needs Optuna: pip install graphc-compiler[tuner]"
Draw = Callable[[Any], Any]  # (a trial) -> a value


class _BayesSearch(BaseSearchCV):
    """The search alone, without the trainings of its candidates."""

    def _run_search(self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None) -> Any:
        del callback_ctx
        study, spaces = self._study(), _draws(self.search_spaces)
        fixed = {key: space for key, space in self.search_spaces.items() if _is_optunas(space)}
        name = f"mean_test_{self.refit}" if isinstance(self.refit, str) else "mean_test_score"
        for first in range(0, self.n_iter, self.n_points):
            trials = [study.ask(fixed) for _ in range(min(self.n_iter - first, self.n_points))]
            params = [{key: draw(trial) for key, draw in spaces.items()} for trial in trials]
            results = self._evaluated(evaluate_candidates, params, first)
            if results is None:
                for trial in trials:
                    study.tell(trial, state=_optuna().trial.TrialState.FAIL)
                continue
            if name not in results:
                raise ValueError(
                    "BayesSearchCV needs one score to go by. Expected: `refit` with the name of "
                    f"one of several scores. Received: refit={self.refit!r}"
                )
            for trial, score in zip(trials, results[name][-len(trials) :], strict=True):
                failed = _optuna().trial.TrialState.FAIL if math.isnan(score) else None
                study.tell(trial, None if failed else float(score), state=failed)
        if self._lost and len(self._lost) == self.n_iter:
            raise self._error

    def _evaluated(self, evaluate: Callable[..., Any], params: list[Any], first: int) -> Any:
        """Return the results so far; None where these candidates failed, every one on every fold.

        scikit-learn ends a search over that, which would lose what others have found.
        """
        try:
            return evaluate(params)
        except ValueError as error:
            if not str(error).lstrip().startswith(ALL_FAILED):
                raise
            warnings.warn(str(error).strip(), FitFailedWarning, stacklevel=2)
            self._error = error
            self._lost += enumerate(params, start=first)
            return None

    def _study(self) -> Any:
        optuna = _optuna()
        if isinstance(self.sampler, optuna.Study):
            return self.sampler
        seed = int(check_random_state(self.random_state).randint(LARGEST))
        # Candidates that are asked for together keep away from each other.
        sampler = self.sampler or optuna.samplers.TPESampler(seed=seed, constant_liar=True)
        return optuna.create_study(direction="maximize", sampler=sampler)


class BayesSearchCV(TogetherMixin, _BayesSearch):
    """Candidates drawn by what earlier ones scored, cross-validated.

    Args:
        estimator: what is tuned.
        search_spaces: for each parameter a list to choose from, a distribution of scipy.stats, one
            of Optuna, or a range (low, high) or (low, high, "log-uniform"), whole where both ends
            are.
        n_iter: candidates in all.
        n_points: how many are chosen at a time; they are trained together.
        sampler: one of Optuna's, or a study to go on with; its tree-structured Parzen estimator
            when None.
        random_state: makes searches alike.
        scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: as in
            scikit-learn's searches; with several scores `refit` names the one to go by.

    Raises:
        ValueError: in `fit`, a space that is none, or several scores and none to go by.
        ImportError: in `fit`, Optuna is not installed.
    """

    def __init__(
        self,
        estimator: Any,
        search_spaces: Mapping[str, Any],
        *,
        n_iter: int = 50,
        n_points: int = 4,
        sampler: Any = None,
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv,
            verbose=verbose, pre_dispatch=pre_dispatch, error_score=error_score,
            return_train_score=return_train_score,
        )  # fmt: skip
        self.search_spaces = search_spaces
        self.n_iter = n_iter
        self.n_points = n_points
        self.sampler = sampler
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Search; see scikit-learn's searches."""
        self._lost: list[tuple[int, Any]] = []
        super().fit(X, y, **params)
        if self._lost:
            kept = np.setdiff1d(np.arange(self.n_iter), [number for number, _ in self._lost])
            self.cv_results_ = _with_lost(self.cv_results_, self._lost)
            for number, _ in self._lost:
                self.histories_.insert(number, {})
            if hasattr(self, "best_index_"):
                self.best_index_ = int(kept[self.best_index_])
        return self

    def _watch(self) -> Watch:
        return SearchTable(self.n_iter, train_scores=self.return_train_score)


@cache
def _optuna() -> Any:
    """Return Optuna, which only those who search with it need.

    Raises:
        ImportError: it is not installed.
    """
    try:
        return import_module("optuna")
    except ImportError as error:
        raise ImportError(EXTRA, name="optuna") from error


def _is_optunas(space: Any) -> bool:
    return isinstance(space, _optuna().distributions.BaseDistribution)


def _with_lost(results: dict[str, Any], lost: Sequence[tuple[int, Any]]) -> dict[str, Any]:
    """Return `cv_results_` with the candidates that failed at the places where they were asked."""
    count = len(results["params"]) + len(lost)
    kept = np.setdiff1d(np.arange(count), [number for number, _ in lost])
    every: list[Any] = [None] * count
    for number, params in (*zip(kept, results["params"], strict=True), *lost):
        every[number] = params
    found: dict[str, Any] = {}
    for name, column in results.items():
        if name == "params":
            found[name] = every
        elif name.startswith("param_"):
            found[name] = _param_column(every, name.removeprefix("param_"))
        else:
            found[name] = np.full(count, np.nan)
            found[name][kept] = column
    for name in [name for name in found if name.startswith("rank_")]:
        means = found[name.replace("rank_", "mean_", 1)]
        worst = np.nanmin(means) - 1 if np.isfinite(means).any() else 0.0
        found[name] = rankdata(-np.where(np.isnan(means), worst, means), "min").astype(np.int32)
    return found


def _param_column(every: Sequence[Mapping[str, Any]], name: str) -> Any:
    column = np.ma.MaskedArray(np.empty(len(every), object), mask=True)
    for number, params in enumerate(every):
        if name in params:
            column[number] = params[name]
    return column


def _draws(spaces: Mapping[str, Any]) -> dict[str, Draw]:
    """Return for each parameter what draws its value in a trial.

    Raises:
        ValueError: a space of no kind that is known.
    """
    if not isinstance(spaces, Mapping) or not spaces:
        raise ValueError(
            f"Expected `search_spaces` to be a dict of parameters. Received: {spaces!r}"
        )
    return {name: _draw(name, space) for name, space in spaces.items()}


def _draw(name: str, space: Any) -> Draw:
    if _is_optunas(space):
        return lambda trial: trial.params[name]  # the study was asked for it
    if hasattr(space, "ppf"):  # of scipy.stats: any distribution is one of uniform numbers
        return lambda trial: _plain(space.ppf(trial.suggest_float(name, 1e-9, 1 - 1e-9)))
    if isinstance(space, tuple) and _is_range(space):
        low, high, log = space[0], space[1], len(space) == 3
        if all(isinstance(end, numbers.Integral) for end in (low, high)):
            return lambda trial: trial.suggest_int(name, int(low), int(high), log=log)
        return lambda trial: trial.suggest_float(name, float(low), float(high), log=log)
    choices = list(space) if isinstance(space, (list, tuple, np.ndarray)) else []
    if not choices:
        raise ValueError(
            f"Expected the space of '{name}' to be a list that is not empty, a range or a "
            f"distribution. Received: {space!r}"
        )
    places = list(range(len(choices)))  # choices of any kind, unhashable ones too
    return lambda trial: choices[trial.suggest_categorical(name, places)]


def _is_range(space: tuple[Any, ...]) -> bool:
    ends = len(space) == 2 or (len(space) == 3 and space[2] in ("log-uniform", "log"))
    return ends and all(isinstance(end, numbers.Real) for end in space[:2])


def _plain(value: Any) -> Any:
    number = float(value)
    return int(number) if isinstance(value, np.integer) else number
