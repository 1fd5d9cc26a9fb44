"""What goes wrong in a search is what scikit-learn's own says and keeps."""

from __future__ import annotations

import gc
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
from sklearn import model_selection
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from graphc import keras
from graphc.sklearn import (
    BayesSearchCV,
    GridSearchCV,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    RandomizedSearchCV,
)

X = np.random.default_rng(0).normal(size=(60, 4))
LABELS = (X.sum(1) > 0).astype(int)
NUMBERS = X @ np.arange(4.0)
FIT = {"epochs": 2, "batch_size": 16, "random_state": 0}


def picky(rate: float = 0.01, units: int = 3) -> Any:
    if units < 0:
        raise RuntimeError(f"no layer has {units} units")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


def wrong_shape(units: int = 1) -> Any:
    model = keras.Sequential([keras.Input((units,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


class Bursts(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.model.layers[0].units == 5:
            raise OverflowError("five are too many")


def refuse_five(rows: Any, limit: int = 0) -> Any:
    if limit == 5:
        raise ArithmeticError("the step before refuses")
    return rows


def own_score(estimator: Any, X: Any, y: Any) -> float:
    if estimator.get_params()["units"] == 4:
        raise LookupError("no score for four")
    return -float(np.mean((estimator.predict(X) - y) ** 2))


def regressor(**options: Any) -> Any:
    return KerasRegressor(picky, rate=0.01, units=3, **{**FIT, **options})


PIPELINE = make_pipeline(FunctionTransformer(refuse_five, kw_args={"limit": 0}), regressor())
CASES: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "builder": (regressor(), {"units": [2, -1, 3]}, {}),
    "builder, a number": (regressor(), {"units": [2, -1, 3]}, {"error_score": -7.5}),
    "builder, raise": (regressor(), {"units": [2, -1, 3]}, {"error_score": "raise"}),
    "builder, all": (regressor(), {"units": [-1, -2]}, {}),
    "shape": (KerasRegressor(wrong_shape, units=1, **FIT), {"units": [4, 7]}, {}),
    "NaN": (regressor(), {"rate": [1e-3, 1e30]}, {}),
    "NaN, a number": (regressor(), {"rate": [1e-3, 1e30]}, {"error_score": -7.5}),
    "callback": (regressor(callbacks=[Bursts()]), {"units": [4, 5]}, {}),
    "step before": (PIPELINE, {"functiontransformer__kw_args": [{"limit": 5}, {"limit": 1}]}, {}),
    "scorer": (regressor(), {"units": [3, 4]}, {"scoring": own_score}),
    "several scores": (regressor(), {"units": [3, 4]},
                       {"scoring": {"own": own_score, "r2": "r2"}, "refit": "r2"}),
    "bad epochs": (regressor(), {"epochs": [1, "many"]}, {}),
    "wrong name": (regressor(), {"unist": [3]}, {}),
    "empty list": (regressor(), {"units": []}, {}),
    "no list": (regressor(), {"units": 3}, {}),
    "no such score": (regressor(), {"units": [3]}, {"scoring": "r3"}),
    "perceptron": (MLPClassifier(max_iter=2, random_state=0),
                   {"hidden_layer_sizes": [(3,), (-1,)]}, {}),
}  # fmt: skip
SEARCHES: dict[str, tuple[Any, Any]] = {
    "grid": (GridSearchCV, model_selection.GridSearchCV),
    "random": (RandomizedSearchCV, model_selection.RandomizedSearchCV),
}


def outcome(make: Callable[[], Any], y: Any) -> Any:
    """Return a fitted search and the kinds of its warnings, or its error."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            search = make().fit(X, y)
        except Exception as error:  # noqa: BLE001 - what it is, is what is tested
            return error
    return search, {one.category for one in said}


@pytest.mark.parametrize("kind", SEARCHES)
@pytest.mark.parametrize("name", CASES)
def test_failures_are_those_of_scikit_learn(name: str, kind: str) -> None:
    estimator, grid, options = CASES[name]
    more = {"n_iter": 3, "random_state": 0} if kind == "random" else {}
    y = LABELS if name == "perceptron" else NUMBERS
    ours, theirs = (
        outcome(lambda cls=cls: cls(estimator, grid, cv=2, **more, **options), y)
        for cls in SEARCHES[kind]
    )
    if isinstance(theirs, Exception):
        assert type(ours) is type(theirs)
        assert str(ours).strip().splitlines()[0] == str(theirs).strip().splitlines()[0]
        return
    assert not isinstance(ours, Exception), ours
    assert {one for one in ours[1] if issubclass(one, UserWarning)} == {
        one for one in theirs[1] if issubclass(one, UserWarning)
    }
    mine, expected = ours[0].cv_results_, theirs[0].cv_results_
    assert mine["params"] == expected["params"]
    for key in expected:
        if key.startswith(("split", "mean_test", "rank")):
            np.testing.assert_allclose(mine[key], expected[key], rtol=1e-5, err_msg=key)
    assert ours[0].best_params_ == theirs[0].best_params_


@pytest.fixture
def quiet() -> Any:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("points", [1, 2, 4])
def test_a_bayesian_search_goes_on_after_failures(points: int) -> None:
    """Units are negative in most trials, so that whole groups of them fail."""
    search = BayesSearchCV(
        regressor(), {"units": (-4, 3)}, n_iter=8, n_points=points, cv=2, random_state=3,
        return_train_score=True,
    )  # fmt: skip
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        search.fit(X, NUMBERS)
    assert FitFailedWarning in {one.category for one in said}
    found = search.cv_results_
    units = [params["units"] for params in found["params"]]
    assert len(units) == 8
    failed = np.array(units) < 0
    assert failed.any()
    assert list(found["param_units"]) == units
    for key in ("mean_test_score", "split1_test_score", "mean_train_score"):
        assert list(np.isnan(found[key])) == list(failed)
    ranks = found["rank_test_score"]
    assert ranks.dtype == np.int32
    assert (ranks[failed] == (~failed).sum() + 1).all()
    assert search.best_index_ == ranks.argmin()
    assert search.best_params_ == {"units": units[search.best_index_]}
    assert search.best_score_ == found["mean_test_score"][search.best_index_]


@pytest.mark.usefixtures("quiet")
def test_a_bayesian_search_of_failures_alone_ends_as_a_grid_of_them() -> None:
    search = BayesSearchCV(regressor(), {"units": (-4, -1)}, n_iter=4, n_points=2, cv=2)
    with pytest.raises(ValueError, match="All the 4 fits failed"), pytest.warns(FitFailedWarning):
        search.fit(X, NUMBERS)


@pytest.mark.usefixtures("quiet")
def test_a_bayesian_search_raises_where_it_is_told_to() -> None:
    search = BayesSearchCV(regressor(), {"units": [-1]}, n_iter=2, cv=2, error_score="raise")
    with pytest.raises(RuntimeError, match="no layer has -1 units"):
        search.fit(X, NUMBERS)


def test_a_builder_is_called_as_often_as_fits_need_it() -> None:
    """It may be slow, and may count: once for a candidate, and for the last fit on all rows."""
    calls = []

    def counting(rate: float = 0.01) -> Any:
        calls.append(rate)
        return picky(rate)

    GridSearchCV(KerasRegressor(counting, rate=0.01, **FIT), {"rate": [0.1, 0.01]}, cv=3).fit(
        X, NUMBERS
    )
    assert sorted(calls[:2]) == [0.01, 0.1]
    assert len(calls) == 3


class Notes(keras.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["note"], logs["odd"] = "well", float(epoch)
        if epoch:
            del logs["odd"]


def test_logs_that_are_no_numbers_do_no_harm() -> None:
    search = GridSearchCV(regressor(callbacks=[Notes()]), {"units": [3]}, cv=2).fit(X, NUMBERS)
    (history,) = search.histories_
    assert {name: len(values) for name, values in history.items()} == {"loss": 2, "odd": 1}
    assert search.best_estimator_.history_["note"] == ["well"] * 2
    alone = regressor(callbacks=[Notes()]).fit(X, NUMBERS)
    assert alone.history_["note"] == ["well"] * 2


class Late(keras.callbacks.Callback):
    calls = 0

    def on_train_end(self, logs: Any = None) -> None:
        Late.calls += 1
        if Late.calls == 5:  # two candidates on two folds went well
            raise OverflowError("not on all rows")


def test_what_is_raised_in_the_last_fit_comes_through() -> None:
    search = GridSearchCV(regressor(callbacks=[Late()]), {"units": [3, 4]}, cv=2)
    with pytest.raises(OverflowError, match="not on all rows"):
        search.fit(X, NUMBERS)


def interrupted(rate: float = 0.01) -> Any:
    if rate > 0.02:
        raise KeyboardInterrupt
    return picky(rate)


def test_ctrl_c_ends_a_search_that_has_begun_to_train() -> None:
    """Lanes of the first candidates are under way; they are given up, and nothing stays behind."""
    estimator = KerasRegressor(interrupted, rate=0.01, **{**FIT, "epochs": 100_000})
    search = GridSearchCV(estimator, {"rate": [0.001, 0.01, 0.03]}, cv=3, n_jobs=2)
    begun = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        search.fit(X, NUMBERS)
    assert time.perf_counter() - begun < 60  # all of it would take minutes
    assert gc.get_freeze_count() == 0
    assert not [one for one in threading.enumerate() if one.name.startswith("graphc-")]
    assert (search.cv, search.n_jobs) == (3, 2)
    search.set_params(estimator__epochs=2, param_grid={"rate": [0.01]}).fit(X, NUMBERS)
    assert search.trainings_.lanes == 3


def test_a_failed_search_leaves_the_estimator_usable() -> None:
    estimator = KerasClassifier(picky, loss="mse", rate=0.01, units=-1, **FIT)
    search = GridSearchCV(estimator, {"units": [-1]}, cv=2)
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        search.fit(X, LABELS)
    search.set_params(param_grid={"units": [2]}).fit(X, LABELS)
    assert search.trainings_.lanes == 2
