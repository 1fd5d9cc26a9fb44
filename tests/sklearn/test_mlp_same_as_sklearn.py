"""The perceptrons against scikit-learn's: same first weights, same orders, same training."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning

from graphc import sklearn as ours

SINGLE = 2e-5  # relative, after tens of epochs in single precision; Adam divides by small numbers
DOUBLE = 1e-6  # relative, after tens of iterations of L-BFGS in double precision


def _digits() -> Any:
    X, y = load_digits(return_X_y=True)
    return X[:300] / 16.0, y[:300]


def _binary() -> Any:
    X, y = _digits()
    return X, np.where(y > 4, "large", "small")


def _multilabel() -> Any:
    return make_multilabel_classification(200, 10, n_classes=4, random_state=0)


def _numbers(outputs: int = 1) -> Any:
    X, y = make_regression(200, 10, n_targets=outputs, random_state=0)
    return X, y / 100.0


def _counts() -> Any:
    X, y = _numbers()
    return X / 3.0, np.abs(y).round()


SGD = {"solver": "sgd", "learning_rate_init": 0.1}
# By name: which estimator, its data, and its arguments.
CASES: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "adam": ("MLPClassifier", _digits, {}),
    "sgd": ("MLPClassifier", _digits, {**SGD, "alpha": 0.1}),
    "plain_momentum": ("MLPClassifier", _digits, {**SGD, "nesterovs_momentum": False}),
    "no_momentum": ("MLPClassifier", _digits, {**SGD, "momentum": 0}),
    "invscaling": ("MLPClassifier", _digits, {**SGD, "learning_rate": "invscaling"}),
    "adaptive": (
        "MLPClassifier", _digits,
        {**SGD, "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    ),
    "stops": ("MLPClassifier", _digits, {**SGD, "tol": 0.05, "n_iter_no_change": 2}),
    "in_order": ("MLPClassifier", _digits, {"shuffle": False, "batch_size": 64}),
    "early_stopping": ("MLPClassifier", _digits, {"early_stopping": True, **SGD}),
    "two_layers": (
        "MLPClassifier", _digits,
        {"hidden_layer_sizes": (20, 10), "activation": "logistic", "batch_size": 32},
    ),
    "linear": ("MLPClassifier", _digits, {"hidden_layer_sizes": ()}),
    "binary": ("MLPClassifier", _binary, {"activation": "tanh", "alpha": 2.0}),
    "multilabel": ("MLPClassifier", _multilabel, {"activation": "identity"}),
    "betas": ("MLPClassifier", _binary, {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3}),
    "regression": ("MLPRegressor", _numbers, {}),
    "regression_stopped": ("MLPRegressor", _numbers, {"early_stopping": True}),
    "three_outputs": ("MLPRegressor", lambda: _numbers(3), {"alpha": 1.0}),
    "poisson": ("MLPRegressor", _counts, {"loss": "poisson"}),
    "lbfgs": ("MLPClassifier", _digits, {"solver": "lbfgs", "alpha": 1.0}),
    "lbfgs_binary": ("MLPClassifier", _binary, {"solver": "lbfgs", "alpha": 1.0}),
    "lbfgs_outputs": ("MLPRegressor", lambda: _numbers(3), {"solver": "lbfgs", "alpha": 1.0}),
}  # fmt: skip


def _fitted(module: Any, name: str, X: Any, y: Any, weights: Any, arguments: Any) -> Any:
    options = {"hidden_layer_sizes": 20, "max_iter": 12, "random_state": 3, **arguments}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return getattr(module, name)(**options).fit(X, y, sample_weight=weights)


def _compare(mine: Any, other: Any, X: Any, y: Any) -> None:
    tolerance = DOUBLE if mine.solver == "lbfgs" else SINGLE
    assert mine.n_iter_ == other.n_iter_
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "best_validation_score_"):
        expected = getattr(other, name, None)
        assert (getattr(mine, name, None) is None) == (expected is None), name
        if expected is not None:
            np.testing.assert_allclose(getattr(mine, name), expected, tolerance, 1e-6, err_msg=name)
    np.testing.assert_allclose(mine.loss_, other.loss_, tolerance)
    for name in ("t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(mine, name) == getattr(other, name), name
    for name in ("coefs_", "intercepts_"):
        for one, expected in zip(getattr(mine, name), getattr(other, name), strict=True):
            assert one.dtype == expected.dtype
            np.testing.assert_allclose(one, expected, 1e-2, 2e-4)
    predict = "predict_proba" if hasattr(other, "predict_proba") else "predict"
    found, expected = getattr(mine, predict)(X), getattr(other, predict)(X)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, 1e-3, 1e-3)
    np.testing.assert_allclose(mine.score(X, y), other.score(X, y), atol=0.01)


@pytest.mark.parametrize("case", CASES)
def test_training_is_scikit_learns(case):
    name, data, arguments = CASES[case]
    X, y = data()
    mine, other = (_fitted(module, name, X, y, None, arguments) for module in (ours, theirs))
    _compare(mine, other, X, y)


@pytest.mark.parametrize("case", ["sgd", "early_stopping", "regression", "lbfgs"])
def test_weights_of_rows_count_as_in_scikit_learn(case):
    name, data, arguments = CASES[case]
    X, y = data()
    weights = np.random.RandomState(0).uniform(0.0, 2.0, len(X))
    mine, other = (_fitted(module, name, X, y, weights, arguments) for module in (ours, theirs))
    _compare(mine, other, X, y)
    without = _fitted(ours, name, X, y, None, arguments)
    assert not np.allclose(mine.coefs_[0], without.coefs_[0], rtol=1e-3)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_partial_fit_goes_on_as_in_scikit_learn(solver):
    X, y = _digits()
    both = []
    for module in (ours, theirs):
        estimator = module.MLPClassifier(10, solver=solver, random_state=0, batch_size=50)
        for start in range(0, 300, 100):
            rows = slice(start, start + 100)
            estimator.partial_fit(X[rows], y[rows], classes=np.arange(10))
        both.append(estimator)
    _compare(*both, X, y)
    assert len(both[0].loss_curve_) == 3


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_warm_start_goes_on_as_in_scikit_learn(solver):
    X, y = _digits()
    arguments = {"solver": solver, "random_state": 0, "max_iter": 4, "warm_start": True}
    both = [module.MLPClassifier(10, **arguments) for module in (ours, theirs)]
    for estimator in (*both, *both):
        estimator.fit(X, y)
    _compare(*both, X, y)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_constructor_is_scikit_learns(name):
    signatures = [inspect.signature(getattr(module, name)) for module in (ours, theirs)]
    assert signatures[0] == signatures[1]


BAD = {
    "hidden_layer_sizes": -1, "activation": "softplus", "solver": "rmsprop", "alpha": -1.0,
    "batch_size": 0, "learning_rate": "cosine", "max_iter": 0, "momentum": 2.0, "tol": "small",
    "validation_fraction": 1.0, "beta_1": 1.0, "n_iter_no_change": 0, "shuffle": "yes",
}  # fmt: skip


@pytest.mark.parametrize("argument", BAD)
def test_wrong_arguments_are_refused_in_scikit_learns_words(argument):
    X, y = _digits()
    messages = []
    for module in (ours, theirs):
        with pytest.raises(ValueError, match=argument) as error:
            module.MLPClassifier(**{argument: BAD[argument]}).fit(X, y)
        messages.append(str(error.value))
    assert messages[0] == messages[1]
