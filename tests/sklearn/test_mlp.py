"""The perceptrons by themselves: what they refuse, copies, the Keras model, shared programs."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from graphc import cache_info
from graphc.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_digits(return_X_y=True)
X, Y = X[:200] / 16.0, Y[:200]


def _classifier(**arguments):
    return MLPClassifier(**{"hidden_layer_sizes": 8, "max_iter": 3, "random_state": 0} | arguments)


def test_copies_predict_and_train_on_alike():
    fitted = _classifier().partial_fit(X, Y, classes=np.arange(10))
    copies = [copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))]
    for one in copies:
        np.testing.assert_array_equal(one.predict_proba(X), fitted.predict_proba(X))
    expected = fitted.partial_fit(X, Y).coefs_[0]
    for one in copies:
        np.testing.assert_array_equal(one.partial_fit(X, Y).coefs_[0], expected)


def test_clone_keeps_every_argument():
    estimator = _classifier(alpha=0.3, solver="sgd", learning_rate="adaptive", momentum=0.5)
    assert clone(estimator).get_params() == estimator.get_params()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_same_seed_gives_the_same_bytes(solver):
    first, second = (_classifier(solver=solver).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(first.coefs_[0], second.coefs_[0])
    other = _classifier(solver=solver, random_state=1).fit(X, Y)
    assert not np.array_equal(first.coefs_[0], other.coefs_[0])


@pytest.mark.parametrize("target", [Y, Y > 4, np.eye(10, dtype=int)[Y]])
def test_model_is_a_keras_model_of_the_same_outputs(target):
    fitted = _classifier().fit(X, target)
    expected = fitted.predict_proba(X)
    found = fitted.model_.predict(X.astype("float32"), verbose=0)
    found = found if found.shape == expected.shape else np.hstack([1 - found, found])
    np.testing.assert_allclose(found, expected, 1e-5, 1e-6)


def test_prediction_follows_weights_that_are_set():
    fitted = _classifier().fit(X, Y)
    fitted.coefs_[-1][:] = 0.0
    fitted.intercepts_[-1][:] = np.arange(10)
    assert (fitted.predict(X) == 9).all()


def test_sparse_rows_are_as_dense_ones():
    dense, thin = _classifier().fit(X, Y), _classifier().fit(sparse.csr_matrix(X), Y)
    np.testing.assert_array_equal(dense.coefs_[0], thin.coefs_[0])
    np.testing.assert_array_equal(thin.predict(sparse.csr_matrix(X)), dense.predict(X))


def test_candidates_of_equal_structure_share_programs():
    _classifier(solver="sgd").fit(X, Y).predict(X)
    before = cache_info().misses
    changed = {"alpha": 0.5, "learning_rate_init": 0.3, "momentum": 0.4, "tol": 0.1}
    _classifier(solver="sgd", learning_rate="adaptive", **changed).fit(X[:-1], Y[:-1]).predict(X)
    assert cache_info().misses == before


def test_grid_search_of_the_tutorial():
    grid = {
        "hidden_layer_sizes": [(10,), (10, 5)],
        "alpha": [1e-4, 0.05],
        "learning_rate": ["constant", "adaptive"],
    }
    search = GridSearchCV(
        _classifier(solver="sgd", learning_rate_init=0.2, max_iter=10), grid, cv=3
    ).fit(X, Y)
    assert set(search.best_params_) == set(grid)
    assert len(search.cv_results_["mean_test_score"]) == 8
    assert search.best_score_ > 0.3
    assert search.score(X, Y) > 0.3


def test_threads_do_not_disturb_each_other():
    expected = _classifier().fit(X, Y).coefs_[0]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: _classifier().fit(X, Y).coefs_[0], range(8)))
    for one in found:
        np.testing.assert_array_equal(one, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"early_stopping": True, "validation_fraction": 0.001}, "validation"),
        ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be > 0"),
    ],
)
def test_what_does_not_fit_the_data_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MLPRegressor(**arguments).fit(X, Y)


def test_weights_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="non-finite"), np.errstate(all="ignore"):
        MLPRegressor(solver="sgd", learning_rate_init=500.0, max_iter=5).fit(X * 1e20, Y * 1e30)


def test_partial_fit_wants_what_it_cannot_know():
    with pytest.raises(ValueError, match="classes must be passed"):
        _classifier().partial_fit(X, Y)
    with pytest.raises(ValueError, match="early_stopping"):
        _classifier(early_stopping=True).partial_fit(X, Y, classes=np.arange(10))
    assert not hasattr(_classifier(solver="lbfgs"), "partial_fit")
    fitted = _classifier().partial_fit(X, Y, classes=np.arange(10))
    with pytest.raises(ValueError, match="not the same as on last call"):
        fitted.partial_fit(X, Y, classes=np.arange(11))
    with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
        fitted.partial_fit(X, Y + 5)


def test_too_few_epochs_are_warned_of():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\)"):
        _classifier().fit(X, Y)


def test_nothing_is_predicted_before_a_fit():
    with pytest.raises(NotFittedError):
        _classifier().predict(X)
    assert not hasattr(_classifier(), "model_")


def test_verbose_prints_losses_and_the_end(capsys):
    _classifier(verbose=True, tol=10.0, n_iter_no_change=1).fit(X, Y)
    printed = capsys.readouterr().out
    assert "Iteration 1, loss = 2." in printed
    assert "Training loss did not improve more than tol=10.000000 for 1 consecutive" in printed
