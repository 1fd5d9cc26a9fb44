"""Searches whose trainings run together find what scikit-learn's own find."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from graphc import config, keras
from graphc.programs import cache_info
from graphc.sklearn import (
    GridSearchCV,
    KerasClassifier,
    KerasRegressor,
    MLPClassifier,
    MLPRegressor,
    RandomizedSearchCV,
)
from graphc.sklearn.wrapper import KerasEstimator

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 5))
NAMES = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
NUMBERS = X @ np.arange(5.0)
TIMES = ("mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time")


def net(rate: float = 1e-2, units: int = 6, outputs: int = 1) -> Any:
    last = keras.layers.Dense(outputs, "softmax" if outputs > 1 else "sigmoid")
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dropout(0.1), last]
    model = keras.Sequential([keras.Input((5,)), *layers])
    loss = "sparse_categorical_crossentropy" if outputs > 1 else "binary_crossentropy"
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def line(rate: float = 1e-2) -> Any:
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse")
    return model


KERAS = {"epochs": 3, "batch_size": 16, "random_state": 0}
MLP = {"max_iter": 8, "random_state": 0}
STOPS = [
    keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=0.05),
]
CASES: dict[str, tuple[Any, dict[str, Any], Any, int]] = {
    "labels": (KerasClassifier(net, rate=1e-2, units=6, **KERAS),
               {"rate": [1e-3, 1e-2], "units": [4, 6]}, NAMES, 4),
    "structures": (KerasClassifier(net, rate=1e-2, units=6, **KERAS),
                   {"units": [3, 4, 5, 6, 7]}, NAMES, 5),
    "three classes": (KerasClassifier(net, rate=1e-2, outputs=3, **KERAS),
                      {"rate": [1e-3, 1e-2]}, THREE, 2),
    "class weights": (KerasClassifier(net, rate=1e-2, class_weight="balanced", **KERAS),
                      {"rate": [1e-3, 1e-2], "epochs": [1, 3]}, NAMES, 4),
    "validation": (KerasClassifier(net, rate=1e-2, validation_split=0.3, **KERAS),
                   {"rate": [1e-3, 1e-2]}, NAMES, 2),
    "early stopping": (KerasClassifier(net, rate=1e-2, validation_split=0.3, callbacks=STOPS,
                                       **{**KERAS, "epochs": 12}),
                       {"rate": [3e-3, 1e-1, 1.0]}, NAMES, 3),
    "numbers": (KerasRegressor(line, rate=1e-2, **KERAS), {"rate": [1e-3, 1e-2]}, NUMBERS, 2),
    "pipeline": (make_pipeline(StandardScaler(), KerasClassifier(net, rate=1e-2, **KERAS)),
                 {"kerasclassifier__rate": [1e-3, 1e-2]}, NAMES, 2),
    "perceptron": (MLPClassifier(**MLP),
                   {"alpha": [1e-4, 1.0], "hidden_layer_sizes": [(4,), (3, 3)],
                    "learning_rate_init": [1e-3, 1e-1]}, NAMES, 8),
    "perceptron's early stopping": (
        MLPClassifier(early_stopping=True, n_iter_no_change=2, validation_fraction=0.3,
                      **{**MLP, "max_iter": 30}),
        {"alpha": [1e-4, 1.0], "learning_rate_init": [1e-3, 1e-1]}, NAMES, 4),
    "adaptive": (MLPRegressor(solver="sgd", learning_rate="adaptive", n_iter_no_change=1, tol=1.0,
                              **MLP), {"learning_rate_init": [1e-3, 1e-2]}, NUMBERS, 2),
}  # fmt: skip


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("a training was done alone")


@pytest.mark.parametrize("name", CASES)
def test_scores_are_those_of_one_after_another(name: str, monkeypatch: Any) -> None:
    estimator, grid, y, candidates = CASES[name]
    with warnings.catch_warnings(), monkeypatch.context() as patch:
        warnings.simplefilter("ignore", ConvergenceWarning)
        patch.setattr(KerasEstimator, "_fit", never)  # not even for the best one on all rows
        ours = GridSearchCV(estimator, grid, cv=3, return_train_score=True).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = model_selection.GridSearchCV(estimator, grid, cv=3, return_train_score=True)
        theirs.fit(X, y)
    assert ours.trainings_.lanes == 3 * candidates
    assert not ours.trainings_.alone
    assert ours.cv_results_.keys() == theirs.cv_results_.keys()
    for key, expected in theirs.cv_results_.items():
        if key not in (*TIMES, "params") and expected.dtype.kind == "f":
            np.testing.assert_allclose(ours.cv_results_[key], expected, atol=1e-5, err_msg=key)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("name", CASES)
def test_the_best_estimator_is_what_fit_makes_of_all_rows(name: str) -> None:
    """It is trained by the program of its folds, without another compilation."""
    estimator, grid, y, _ = CASES[name]
    grid = {key: values[:1] for key, values in grid.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = GridSearchCV(estimator, grid, cv=3).fit(X, y).best_estimator_
        alone = clone(estimator).set_params(**{key: one for key, (one,) in grid.items()}).fit(X, y)
    found, alone = (one[-1] if name == "pipeline" else one for one in (found, alone))
    if isinstance(found, (MLPClassifier, MLPRegressor)):
        assert found.loss_curve_ == alone.loss_curve_
        return
    assert type(found.model_) is type(alone.model_)
    assert found.history_.keys() == alone.history_.keys()
    for key, values in alone.history_.items():
        np.testing.assert_allclose(found.history_[key], values, rtol=1e-5, err_msg=key)
    for mine, expected in zip(found.model_.get_weights(), alone.model_.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, expected)
    rows = (one.model_.optimizer.iterations.numpy() for one in (found, alone))
    assert len(set(map(int, rows))) == 1
    before = found.model_.get_weights()[0].copy()
    found.partial_fit(X, y)  # it goes on as after a fit
    assert not np.array_equal(before, found.model_.get_weights()[0])


def test_more_structures_than_programs_are_kept(monkeypatch: Any) -> None:
    """Programs are dropped, and what JAX has traced forgotten, while others of them are at work."""
    monkeypatch.setattr("graphc.programs.FORGOTTEN", 5)
    estimator, grid = KerasClassifier(net, rate=1e-2, units=6, **KERAS), {"units": [*range(3, 12)]}
    theirs = model_selection.GridSearchCV(estimator, grid, cv=3).fit(X, NAMES)
    with config.PROGRAMS(3):
        ours = GridSearchCV(estimator, grid, cv=3).fit(X, NAMES)
    assert ours.trainings_.lanes == 27
    key = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], atol=1e-5)


def test_folds_that_are_drawn_are_drawn_once() -> None:
    folds = model_selection.StratifiedKFold(3, shuffle=True)  # other folds with every call
    search = GridSearchCV(KerasClassifier(net, rate=1e-2, **KERAS), {"rate": [1e-2]}, cv=folds)
    search.fit(X, NAMES)
    assert search.cv is folds
    assert search.trainings_.lanes == 3


@pytest.mark.parametrize("name", ["labels", "pipeline", "validation", "perceptron"])
def test_side_by_side_scores_are_the_same(name: str) -> None:
    """As accelerators train them; the report says which way was taken, and why."""
    estimator, grid, y, candidates = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        turns = GridSearchCV(estimator, grid, cv=3, refit=False).fit(X, y)
        with config.LANES("abreast"):
            search = GridSearchCV(estimator, grid, cv=3, refit=False).fit(X, y)
            told = str(search.trainings_)
    assert search.trainings_.lanes == 3 * candidates
    assert told.endswith("side by side: GRAPHC_LANES=abreast asks for it")
    assert "one after another on each core: a core gains nothing" in str(turns.trainings_)
    key = "mean_test_score"
    np.testing.assert_allclose(search.cv_results_[key], turns.cv_results_[key], atol=1e-5)


@pytest.mark.parametrize("jobs", [-1, 2])
def test_jobs_are_lanes_of_this_process(jobs: int) -> None:
    """Tutorials ask for all cores, which lanes use; other estimators get their processes."""
    estimator, grid = MLPClassifier(**MLP), {"alpha": [1e-4, 1.0]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        search = GridSearchCV(estimator, grid, cv=3, n_jobs=jobs).fit(X, NAMES)
    assert search.trainings_.lanes == 6
    assert search.n_jobs == jobs
    other = GridSearchCV(LinearSVC(), {"C": [0.1, 1.0]}, cv=3, n_jobs=jobs).fit(X, NAMES)
    assert str(other.trainings_) == "6 one by one: LinearSVC is not an estimator of graphc"


def test_weights_of_rows_are_those_of_one_after_another() -> None:
    estimator, grid = KerasClassifier(net, rate=1e-2, **KERAS), {"rate": [1e-3, 1e-2]}
    weights = np.linspace(0, 2, len(X))
    ours, theirs = (
        kind(estimator, grid, cv=3).fit(X, NAMES, sample_weight=weights)
        for kind in (GridSearchCV, model_selection.GridSearchCV)
    )
    assert str(ours.trainings_) == "6 one by one: `fit` was given sample_weight"
    key = "mean_test_score"
    np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], atol=1e-5)


def test_several_scores_and_own_scorers_see_predictions() -> None:
    def own(estimator: Any, X: Any, y: Any) -> float:
        return float(np.mean(estimator.predict_proba(X)[:, 1]))

    estimator, grid = KerasClassifier(net, rate=1e-2, **KERAS), {"rate": [1e-3, 1e-2]}
    scoring = {"accuracy": "accuracy", "auc": "roc_auc", "own": own}
    ours = GridSearchCV(estimator, grid, cv=3, scoring=scoring, refit="auc").fit(X, NAMES)
    theirs = model_selection.GridSearchCV(estimator, grid, cv=3, scoring=scoring, refit="auc")
    theirs.fit(X, NAMES)
    for name in scoring:
        key = f"mean_test_{name}"
        np.testing.assert_allclose(ours.cv_results_[key], theirs.cv_results_[key], atol=1e-5)


def test_a_random_search_draws_the_same_candidates() -> None:
    space = {"rate": [1e-4, 1e-3, 1e-2, 1e-1], "units": [3, 4, 5, 6]}
    estimator = KerasClassifier(net, rate=1e-2, units=6, **KERAS)
    ours, theirs = (
        search(estimator, space, n_iter=3, cv=3, random_state=1, refit=False).fit(X, NAMES)
        for search in (RandomizedSearchCV, model_selection.RandomizedSearchCV)
    )
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    assert ours.trainings_.lanes == 9


PIPELINE = CASES["pipeline"][0]


@pytest.mark.parametrize(("estimator", "grid", "lanes"), [
    (KerasClassifier(net, rate=1e-2, **KERAS), {"rate": [1e-4, 1e-3, 1e-2, 0.1, 0.5]}, 15),
    # The networks of candidates are alike, and some candidates have none.
    (PIPELINE, {"standardscaler__with_mean": [True, False],
                "standardscaler__with_std": [True, False], "kerasclassifier__units": [3]}, 12),
    (PIPELINE, {"kerasclassifier": [KerasClassifier(net, rate=1e-2, **KERAS), LinearSVC()],
                "standardscaler__with_mean": [True, False]}, 6),
], ids=["wrapper", "pipeline", "some"])  # fmt: skip
@pytest.mark.parametrize("limit", ["FITS", "BYTES"])
def test_many_candidates_are_held_in_parts(
    estimator: Any, grid: Any, lanes: int, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"graphc.sklearn.ahead.{limit}", 6)
    ours = GridSearchCV(estimator, grid, cv=3).fit(X, NAMES)
    theirs = model_selection.GridSearchCV(estimator, grid, cv=3).fit(X, NAMES)
    assert ours.trainings_.lanes == lanes
    if "kerasclassifier" in grid:
        assert dict(ours.trainings_.alone) == {"LinearSVC is not an estimator of graphc": 6}
        return
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    scores = (search.cv_results_["mean_test_score"] for search in (ours, theirs))
    np.testing.assert_allclose(*scores, atol=1e-5)


def refuses(rate: float = 1e-2) -> Any:
    if rate > 1:
        raise ValueError("no such rate")
    return net(rate)


def test_a_builder_that_raises_fails_its_trial_alone() -> None:
    estimator = KerasClassifier(refuses, rate=1e-2, **KERAS)
    search = GridSearchCV(estimator, {"rate": [1e-2, 5.0]}, cv=3, error_score=-1.0)
    with pytest.warns(Warning, match="3 fits failed"):
        search.fit(X, NAMES)
    good, bad = search.cv_results_["mean_test_score"]
    assert bad == -1.0 < good
    assert search.trainings_.lanes == 3
    assert sum(search.trainings_.alone.values()) == 3
    assert "3 trainings as lanes" in str(search.trainings_)


@pytest.mark.parametrize(("option", "reason"), [
    ({"validation_split": 0.2, "validation_batch_size": 3}, "it asks for validation_batch_size"),
    ({"warm_start": True}, "it asks for warm_start"),
])  # fmt: skip
def test_what_asks_for_more_is_trained_alone(option: dict[str, Any], reason: str) -> None:
    estimator = KerasClassifier(net, rate=1e-2, **KERAS, **option)
    search = GridSearchCV(estimator, {"rate": [1e-2]}, cv=3).fit(X, NAMES)
    assert dict(search.trainings_.alone) == {reason: 3}


def test_wrong_names_and_empty_grids_are_errors() -> None:
    estimator = KerasClassifier(net, rate=1e-2, **KERAS)
    with pytest.raises(ValueError, match="raet"):
        GridSearchCV(estimator, {"raet": [1e-2]}, cv=3, error_score="raise").fit(X, NAMES)
    with pytest.raises(ValueError, match=r"empty|non-empty"):
        GridSearchCV(estimator, {"rate": []}, cv=3).fit(X, NAMES)


def every_number(
    rate: float = 1e-2,
    decay: float = 1e-3,
    drop: float = 0.1,
    noise: float = 0.1,
    l2: float = 1e-3,
    smoothing: float = 0.1,
    momentum: float = 0.9,
    clip: float = 1.0,
    scale: float = 1.0,
) -> Any:
    """A model with every kind of number that a search may tune without another program."""
    start = keras.initializers.VarianceScaling(scale, seed=1)
    layers = [
        keras.layers.GaussianNoise(noise),
        keras.layers.Dense(
            6, "relu", kernel_initializer=start, kernel_regularizer=keras.regularizers.L2(l2)
        ),
        keras.layers.Dropout(drop),
        keras.layers.Dense(2, "softmax"),
    ]
    model = keras.Sequential([keras.Input((5,)), *layers])
    optimizer = keras.optimizers.SGD(rate, momentum, weight_decay=decay, clipnorm=clip)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    model.compile(optimizer, loss)
    return model


NUMBERS_TUNED = {
    "rate": [1e-2, 1e-1], "decay": [1e-3, 1e-1], "drop": [0.1, 0.5], "noise": [0.1, 1.0],
    "l2": [1e-3, 1e-1], "smoothing": [0.1, 0.4], "momentum": [0.9, 0.5], "clip": [1.0, 0.01],
    "scale": [1.0, 4.0], "class_weight": [None, {"no": 1.0, "yes": 5.0}, "balanced"],
    "random_state": [0, 1],
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS_TUNED)
def test_numbers_are_tuned_within_one_program(name: str) -> None:
    """Each has its effect, the same as one after another, and needs no program of its own."""
    estimator = KerasClassifier(every_number, **KERAS).set_params(rate=1e-2)
    values = NUMBERS_TUNED[name]
    GridSearchCV(estimator, {name: values[-1:]}, cv=3, refit=False).fit(X, NAMES)
    made = cache_info().misses
    grid = {name: values}
    ours = GridSearchCV(estimator, grid, cv=3, scoring="neg_log_loss", refit=False).fit(X, NAMES)
    assert cache_info().misses == made + (name == "class_weight")
    assert ours.trainings_.lanes == 3 * len(values)
    theirs = model_selection.GridSearchCV(
        estimator, grid, cv=3, scoring="neg_log_loss", refit=False
    ).fit(X, NAMES)
    scores = ours.cv_results_["mean_test_score"]
    np.testing.assert_allclose(scores, theirs.cv_results_["mean_test_score"], atol=1e-5)
    assert len(set(scores)) == len(values)
