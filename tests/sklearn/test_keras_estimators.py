"""Keras models as scikit-learn estimators: parameters, targets, copies, seeds, searches."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - scikit-learn's switch
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import graphc.sklearn
from graphc import keras
from graphc.sklearn import KerasClassifier, KerasRegressor, KerasTransformer
from tests.sklearn.builders import build_autoencoder, build_by_meta, build_from_data, build_single

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
PAIR = NAMES[:100]


def _classifier(model=build_by_meta, **arguments):
    defaults = {"optimizer": "adam", "optimizer__learning_rate": 0.02, "random_state": 0}
    return KerasClassifier(model, **defaults | {"epochs": 20} | arguments)


TARGETS = {
    "strings": (NAMES, 0.9),
    "two_strings": (np.where(Y == 0, "yes", "no"), 0.95),
    "truth": (Y == 0, 0.95),
    "numbers": (Y * 10 - 7, 0.9),
    "multilabel": (np.stack([Y == 0, Y != 2], 1).astype(int), 0.6),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_any_labels_are_learnt(kind):
    target, least = TARGETS[kind]
    fitted = _classifier(epochs=40).fit(X, target)
    found = fitted.predict(X)
    assert found.shape == target.shape
    assert set(np.unique(found)) <= set(np.unique(target))
    assert fitted.score(X, target) > least
    chances = fitted.predict_proba(X)
    assert chances.shape == (150, len(fitted.classes_))
    if kind != "multilabel":
        np.testing.assert_allclose(chances.sum(1), 1.0, rtol=1e-5)
        np.testing.assert_array_equal(fitted.classes_, np.unique(target))


# What the model puts out and the loss that trains it: all are to learn the same.
FORMS = {
    "sparse": (3, "softmax", "sparse_categorical_crossentropy"),
    "one_hot": (3, "softmax", "categorical_crossentropy"),
    "squares": (3, "softmax", "mse"),
    "logits": (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
    "logits_unsaid": (3, None, None),
    "single": (1, "sigmoid", "binary_crossentropy"),
    "single_logit": (1, None, None),
}


@pytest.mark.parametrize("form", FORMS)
def test_targets_take_the_form_that_the_loss_wants(form):
    width, activation, loss = FORMS[form]
    labels = NAMES if width == 3 else PAIR

    def build():
        return keras.Sequential([keras.Input((4,)), keras.layers.Dense(width, activation)])

    fitted = _classifier(build, loss=loss, epochs=60).fit(X[: len(labels)], labels)
    assert fitted.score(X[: len(labels)], labels) > 0.85
    chances = fitted.predict_proba(X)
    assert chances.min() >= 0.0
    np.testing.assert_allclose(chances.sum(1), 1.0, rtol=1e-5)


def test_parameters_go_where_their_names_say():
    seen = {}

    def build(meta, units, depth=1, epochs=None):
        seen.update(units=units, depth=depth, epochs=epochs, meta=meta)
        return build_by_meta(meta, hidden=units)

    estimator = _classifier(
        build, units=5, model__depth=3, optimizer="sgd", optimizer__momentum=0.5,
        optimizer__learning_rate=0.5, loss="categorical_crossentropy", loss__label_smoothing=0.1,
        metrics=["accuracy"], fit__epochs=2, fit_kwargs={"batch_size": 50}, epochs=7,
        callbacks=keras.callbacks.EarlyStopping, callbacks__monitor="loss",
    )  # fmt: skip
    fitted = estimator.fit(X, NAMES)
    assert (seen["units"], seen["depth"], seen["epochs"]) == (5, 3, 7)
    assert seen["meta"]["n_classes_"] == 3
    assert seen["meta"]["X_shape_"] == (150, 4)
    assert float(fitted.model_.optimizer.learning_rate) == 0.5
    assert fitted.model_.optimizer.momentum == 0.5
    assert fitted.model_.loss.label_smoothing == 0.1
    assert len(fitted.history_["loss"]) == 2
    assert set(fitted.history_) == {"loss", "accuracy"}
    assert fitted.model_.optimizer.iterations == 6


def test_a_searched_rate_reaches_an_optimizer_of_the_builders_choice():
    fitted = KerasClassifier(build_single, optimizer__learning_rate=0.25).fit(X[:100], PAIR)
    assert float(fitted.model_.optimizer.learning_rate) == 0.25


def test_parameters_survive_set_clone_copy_and_pickle():
    estimator = _classifier(hidden=7, fit_kwargs={"epochs": 3}, model_kwargs={"hidden": 9})
    estimator.set_params(optimizer__beta_1=0.5, epochs=2, hidden=6)
    expected = estimator.get_params()
    assert expected["hidden"] == 6
    for one in (clone(estimator), copy.deepcopy(estimator), pickle.loads(pickle.dumps(estimator))):
        assert one.get_params() == expected


def test_unknown_parameters_are_refused_by_name():
    with pytest.raises(ValueError, match=r"'hiden'.*\['hidden'\]"):
        _classifier().set_params(hiden=3)
    with pytest.raises(TypeError, match="hiden"):
        _classifier(hiden=3).fit(X, NAMES)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_of_fitted_estimators_predict_and_train_on_alike(copied):
    fitted = _classifier(epochs=2).fit(X, NAMES)
    other = copied(fitted)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    fitted.partial_fit(X, NAMES), other.partial_fit(X, NAMES)
    np.testing.assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert other.history_ == fitted.history_


def test_random_state_makes_fits_alike_to_the_bit_and_leaves_others_draws_alone():
    def build():
        return build_single(dropout=0.5)

    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    first, second = (
        KerasClassifier(build, epochs=3, random_state=5).fit(X[:100], PAIR) for _ in "ab"
    )
    assert np.random.rand() == expected
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.history_ == second.history_
    other = KerasClassifier(build, epochs=3, random_state=6).fit(X[:100], PAIR)
    assert not np.array_equal(first.predict_proba(X), other.predict_proba(X))


def test_weights_of_classes_multiply_those_of_rows():
    plain = _classifier(epochs=3).fit(X, NAMES, sample_weight=np.where(Y == 0, 4.0, 2.0))
    weighted = _classifier(epochs=3, class_weight={"setosa": 2.0})
    weighted.fit(X, NAMES, sample_weight=np.full(150, 2.0))
    np.testing.assert_array_equal(plain.predict_proba(X), weighted.predict_proba(X))
    few = np.r_[0:50, 50:60]
    balanced = _classifier(build_single, epochs=3, class_weight="balanced").fit(X[few], NAMES[few])
    asked = np.where(Y[few] == 0, 0.6, 3.0)
    same = _classifier(build_single, epochs=3).fit(X[few], NAMES[few], sample_weight=asked)
    np.testing.assert_allclose(balanced.predict_proba(X), same.predict_proba(X), 1e-5)


def test_regressor_of_one_and_of_several_outputs():
    arguments = {"optimizer": "adam", "optimizer__learning_rate": 0.02, "random_state": 0}
    single = KerasRegressor(build_by_meta, epochs=60, **arguments).fit(X[:, :3], X[:, 3])
    assert single.predict(X[:5, :3]).shape == (5,)
    assert single.score(X[:, :3], X[:, 3]) > 0.85
    several = KerasRegressor(build_by_meta, epochs=60, **arguments).fit(X[:, :2], X[:, 2:])
    assert several.predict(X[:5, :2]).shape == (5, 2)
    assert several.score(X[:, :2], X[:, 2:]) > 0.7


def test_transformer_gives_a_layer_and_learns_rows_without_targets():
    arguments = {"optimizer": "adam", "optimizer__learning_rate": 0.05, "epochs": 40}
    transformer = KerasTransformer(build_autoencoder, layer="code", random_state=0, **arguments)
    codes = transformer.fit_transform(X)
    assert codes.shape == (150, 2)
    assert list(transformer.get_feature_names_out()) == ["kerastransformer0", "kerastransformer1"]
    whole = clone(transformer).set_params(layer=None, reconstruct=True).fit(X, NAMES)
    assert np.mean((whole.transform(X) - X) ** 2) < 0.2
    other = pickle.loads(pickle.dumps(transformer))
    np.testing.assert_array_equal(other.transform(X), codes)


def test_model_instances_are_cloned_unless_warm():
    model = build_single()
    before = [np.array(w) for w in model.get_weights()]
    KerasClassifier(model).fit(X[:100], PAIR)
    for one, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, expected)
    warm = KerasClassifier(model, warm_start=True).fit(X[:100], PAIR)
    assert warm.model_ is model
    warm.fit(X[:100], PAIR)
    assert warm.model_ is model
    assert warm.current_epoch == 2


def test_partial_fit_goes_on_with_known_classes():
    estimator = _classifier().partial_fit(X[:100], PAIR, classes=np.unique(NAMES))
    estimator.partial_fit(X, NAMES).partial_fit(X, NAMES, epochs=2)
    assert len(estimator.history_["loss"]) == 4
    assert list(estimator.classes_) == ["setosa", "versicolor", "virginica"]
    with pytest.raises(ValueError, match="not there before"):
        estimator.partial_fit(X, np.where(Y == 0, "new", NAMES))


SEARCHES = {
    "grid": lambda one, grid: GridSearchCV(one, grid, cv=2),
    "random": lambda one, grid: RandomizedSearchCV(one, grid, n_iter=2, cv=2, random_state=0),
    "halving": lambda one, grid: HalvingGridSearchCV(one, grid, cv=2, random_state=0),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_scikit_learns_searches(kind):
    grid = {"hidden": [8], "optimizer__learning_rate": [0.0001, 0.05]}
    search = SEARCHES[kind](_classifier(epochs=10), grid).fit(X, NAMES)
    assert set(search.best_params_) == set(grid)
    assert search.best_params_["optimizer__learning_rate"] == 0.05
    assert search.best_score_ == max(search.cv_results_["mean_test_score"]) > 0.6


def test_pipelines_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), _classifier(hidden=8))
    assert cross_val_score(pipeline, X, NAMES, cv=3).min() > 0.7
    pipeline.set_params(kerasclassifier__optimizer__learning_rate=0.5)
    assert pipeline.get_params()["kerasclassifier__optimizer__learning_rate"] == 0.5


def test_names_of_keras_wrappers_with_their_customs():
    asked = {"loss": "categorical_crossentropy", "layers": [20]}
    estimator = keras.wrappers.SKLearnClassifier(
        build_from_data, model_kwargs=asked, fit_kwargs={"epochs": 30}
    )
    assert clone(estimator).fit_kwargs == {"epochs": 30}
    fitted = clone(estimator).fit(X, Y)
    assert fitted.score(X, Y) > 0.8
    assert fitted.decision_function(X).shape == (150, 3)
    assert len(fitted.history_.history["loss"]) == len(fitted.history_.epoch) == 30
    with pytest.raises(RuntimeError, match="needs to be compiled"):
        keras.wrappers.SKLearnClassifier(keras.Sequential([keras.layers.Dense(3)])).fit(X, Y)
    assert keras.wrappers.SKLearnRegressor is graphc.sklearn.SKLearnRegressor


WRONG = {
    "nothing_to_build": (KerasClassifier, X, NAMES, "needs a model"),
    "no_model": (lambda: KerasClassifier(lambda: 3), X, NAMES, "must return a Keras model"),
    "one_class": (_classifier, X[:50], NAMES[:50], "only one class"),
    "numbers_for_classes": (_classifier, X, X[:, 0], "Unknown label type"),
    "no_targets": (_classifier, X, None, "y"),
    "not_finite": (_classifier, np.where(X > 5, np.nan, X), NAMES, "NaN"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_fitted_is_refused(case):
    make, rows, target, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        make().fit(rows, target)


def test_rows_of_another_shape_and_early_predictions_are_refused():
    with pytest.raises(NotFittedError):
        _classifier().predict(X)
    fitted = _classifier(epochs=1).fit(X, NAMES)
    with pytest.raises(ValueError, match="features"):
        fitted.predict(X[:, :2])


def test_validation_is_held_back_from_the_end():
    fitted = _classifier(epochs=2, validation_split=0.2).fit(X, NAMES)
    assert set(fitted.history_) == {"loss", "val_loss"}
