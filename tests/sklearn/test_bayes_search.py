"""Bayesian searches: what they draw, and that their candidates are trained together."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import optuna
import pytest
from scipy import stats
from sklearn.base import BaseEstimator

from graphc import keras
from graphc.sklearn import BayesSearchCV, KerasClassifier, RandomizedSearchCV

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5))
NAMES = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
KERAS = {"epochs": 3, "batch_size": 16, "random_state": 0}


def net(rate: float = 1e-2, units: int = 6) -> Any:
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential([keras.Input((5,)), *layers])
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


class Hill(BaseEstimator):
    """Scores by its parameters alone: a hill whose top is at (3, -2) and "b"."""

    def __init__(self, x: float = 0.0, y: float = 0.0, kind: str = "a") -> None:
        self.x, self.y, self.kind = x, y, kind

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def score(self, X: Any, y: Any = None) -> float:
        if self.x < -9:
            return float("nan")
        return -((self.x - 3) ** 2 + (self.y + 2) ** 2) - 5 * (self.kind != "b")


HILL = {"x": (-10.0, 10.0), "y": stats.uniform(-10, 20), "kind": ["a", "b", "c"]}


@pytest.fixture
def quiet() -> Any:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    optuna.logging.set_verbosity(before)


def test_a_bayesian_search_beats_a_random_one(quiet: None) -> None:
    best: dict[str, list[float]] = {"bayes": [], "random": []}
    drawn = {**HILL, "x": stats.uniform(-10, 20)}
    for seed in range(3):
        bayes = BayesSearchCV(Hill(), HILL, n_iter=60, cv=2, random_state=seed).fit(X)
        random = RandomizedSearchCV(Hill(), drawn, n_iter=60, cv=2, random_state=seed).fit(X)
        assert len(bayes.cv_results_["params"]) == 60
        best["bayes"].append(bayes.best_score_)
        best["random"].append(np.nanmax(random.cv_results_["mean_test_score"]))
    assert np.median(best["bayes"]) > np.median(best["random"])


def test_the_same_seed_asks_for_the_same_candidates(quiet: None) -> None:
    one, other = (
        BayesSearchCV(Hill(), HILL, n_iter=12, cv=2, random_state=4).fit(X) for _ in range(2)
    )
    assert one.cv_results_["params"] == other.cv_results_["params"]


def test_a_bayesian_search_trains_its_candidates_together(quiet: None) -> None:
    space = {"rate": (1e-4, 1e-1, "log-uniform"), "units": (3, 5)}
    search = BayesSearchCV(
        KerasClassifier(net, rate=1e-2, units=4, **KERAS), space, n_iter=6, n_points=3, cv=3,
        random_state=0,
    ).fit(X, NAMES)  # fmt: skip
    assert search.trainings_.lanes == 18
    assert {type(params["units"]) for params in search.cv_results_["params"]} == {int}


def test_a_study_of_optuna_goes_on(quiet: None) -> None:
    study = optuna.create_study(direction="maximize")
    spaces = {"x": optuna.distributions.FloatDistribution(-5, 5), "kind": ["a", "b"]}
    BayesSearchCV(Hill(), spaces, n_iter=3, cv=2, sampler=study).fit(X)
    BayesSearchCV(Hill(), spaces, n_iter=4, cv=2, sampler=study).fit(X)
    assert len(study.trials) == 7


@pytest.mark.parametrize("spaces", [{}, {"x": []}, {"x": 3.0}], ids=str)
def test_a_space_that_is_none_is_an_error(spaces: Any) -> None:
    with pytest.raises(ValueError, match=r"Expected .*space"):
        BayesSearchCV(Hill(), spaces, cv=2).fit(X)
