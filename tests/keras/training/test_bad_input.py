"""Bad input: one readable error that names the place; the model trains on as if nothing was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 6)).astype("float32")
Y = RNG.integers(0, 3, 8)
A, B = np.zeros((8, 3)), np.zeros((8, 2))
LIMIT = 600  # characters of a message
HERE = Path(__file__).name

Act = Callable[[Any], Any]


def _classifier() -> Any:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4, name="hidden")])
    model.add(keras.layers.Dense(3, activation="softmax", name="scores"))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _with_nan() -> np.ndarray:
    x = X.copy()
    x[2, 3] = np.nan
    return x


# what is done to a good classifier, then parts of the message
ON_A_MODEL: dict[str, tuple[Act, list[str]]] = {
    "features": (lambda m: m.fit(X[:, :5], Y), ["input_layer", HERE, "(None, 6)", "(None, 5)"]),
    "features_predict": (lambda m: m.predict(X[:, :5]), [HERE, "(None, 6)", "(None, 5)"]),
    "features_call": (lambda m: m(X[:, :5]), [HERE, "(None, 6)", "(None, 5)"]),
    "rank": (lambda m: m.fit(np.zeros((8, 6, 2)), Y), [HERE, "(None, 6)", "(None, 6, 2)"]),
    "rank_on_batch": (lambda m: m.train_on_batch(np.zeros((8, 6, 2)), Y), [HERE, "(None, 6, 2)"]),
    "lengths": (lambda m: m.fit(X, Y[:5]), ["'x' sizes: 8", "'y' sizes: 5"]),
    "lengths_weight": (
        lambda m: m.fit(X, Y, sample_weight=np.ones(7)), ["'sample_weight' sizes: 7"],
    ),
    "lengths_evaluate": (lambda m: m.evaluate(X, Y[:5]), ["'y' sizes: 5"]),
    "lengths_validation": (lambda m: m.fit(X, Y, validation_data=(X, Y[:5])), ["'y' sizes: 5"]),
    "labels": (lambda m: m.fit(X, Y + 1), ["scores", HERE, "from 0 to 2", "from 1 to 3"]),
    "labels_negative": (lambda m: m.fit(X, Y - 1), ["scores", "from 0 to 2", "from -1 to 1"]),
    "labels_evaluate": (lambda m: m.evaluate(X, Y + 1), ["scores", "from 0 to 2"]),
    "labels_validation": (lambda m: m.fit(X, Y, validation_data=(X, Y + 1)), ["from 1 to 3"]),
    "labels_on_batch": (lambda m: m.train_on_batch(X, Y + 1), ["from 0 to 2", "from 1 to 3"]),
    "one_hot_for_sparse": (lambda m: m.fit(X, A), ["(32,)", "(32, 3)", "categorical_crossentropy"]),
    "strings": (lambda m: m.fit(X.astype(str), Y), ["`x`", "numbers", "strings"]),
    "objects": (lambda m: m.fit(X, np.array(["cat"] * 8, object)), ["`y`", "numbers", "'cat'"]),
    "a_file_name": (lambda m: m.fit("data.csv", Y), ["`x`", "numbers", "'data.csv'"]),
    "lists_of_strings": (lambda m: m.fit([["a"] * 6] * 8, Y), ["`x`", "strings", "'a'"]),
    "ragged": (lambda m: m.fit([[1, 2], [1]] * 4, Y), ["`x`", "different lengths", "pad_seq"]),
    "epochs": (lambda m: m.fit(X, Y, epochs="5"), ["`epochs`", "integer", "'5'"]),
    "batch_size": (lambda m: m.fit(X, Y, batch_size="32"), ["`batch_size`", "integer", "'32'"]),
    "split": (lambda m: m.fit(X, Y, validation_split="0.2"), ["`validation_split`", "'0.2'"]),
    "split_too_large": (lambda m: m.fit(X, Y, validation_split=1.5), ["between 0 and 1", "1.5"]),
    "empty": (lambda m: m.fit(X[:0], Y[:0]), ["at least one sample", "0 rows"]),
    "nothing": (lambda m: m.fit(), ["arrays", "x=None"]),
    "no_targets": (lambda m: m.fit(X), ["targets", "y=None"]),
    "two_inputs": (lambda m: m.fit([X, X], Y), ["1 input", "2"]),
    "symbolic": (lambda m: m.fit(keras.Input((6,)), Y), ["numbers", "symbolic"]),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_A_MODEL)
def test_bad_data_leaves_the_model_as_it_was(name: str) -> None:
    act, parts = ON_A_MODEL[name]
    model = _classifier()
    before = [weight.tobytes() for weight in model.get_weights()]
    _check_error(lambda: act(model), parts)
    assert [weight.tobytes() for weight in model.get_weights()] == before
    history = model.fit(X, Y, verbose=0).history
    assert np.isfinite(history["loss"][0]) and np.isfinite(model.evaluate(X, Y, verbose=0)[0])


def _check_error(act: Callable[[], Any], parts: list[str]) -> None:
    """One error, of Keras's type, short, in one paragraph, saying what was received."""
    with pytest.raises((ValueError, TypeError)) as caught:
        act()
    error, message = caught.value, str(caught.value)
    assert "Received" in message or "received" in message
    assert len(message) < LIMIT and "\n\n" not in message
    assert [part for part in parts if part not in message] == [], message
    assert error.__cause__ is None and (error.__context__ is None or error.__suppress_context__)


def _compiled(**options: Any) -> Callable[[], Any]:
    def act() -> None:
        model = _classifier()
        model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **options})
        model.fit(X, Y, verbose=0)

    return act


def _two(y: Any, **options: Any) -> Callable[[], Any]:
    def act() -> None:
        inputs = keras.Input((6,))
        outputs = [keras.layers.Dense(3, name="a")(inputs), keras.layers.Dense(2, name="b")(inputs)]
        model = keras.Model(inputs, outputs)
        model.compile("sgd", **options)
        model.fit(X, y, verbose=0)

    return act


def _not_compiled(method: str) -> Callable[[], Any]:
    return lambda: getattr(keras.Sequential([keras.layers.Dense(3)], name="net"), method)(X, Y)


LAYERS = keras.layers
WRONG: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "loss_name": (_compiled(loss="binary_crosentropy"), ["loss", "'binary_crossentropy'"]),
    "loss_number": (_compiled(loss=3), ["loss", "3"]),
    "metric_name": (_compiled(metrics=["acuracy"]), ["metric", "'accuracy'"]),
    "metric_number": (_compiled(metrics=[3]), ["metric", "3"]),
    "metrics_bare": (_compiled(metrics="accuracy"), ["`metrics`", "list"]),
    "optimizer_name": (_compiled(optimizer="adm"), ["optimizer", "'Adam'"]),
    "optimizer_number": (_compiled(optimizer=3), ["optimizer", "3"]),
    "activation_name": (lambda: LAYERS.Dense(3, activation="rleu"), ["activation", "'relu'"]),
    "initializer_name": (
        lambda: LAYERS.Dense(3, kernel_initializer="glorot_unifrm"), ["'glorot_uniform'"],
    ),
    "regularizer_name": (lambda: LAYERS.Dense(3, kernel_regularizer="l3"), ["'l2'"]),
    "units": (lambda: LAYERS.Dense("64"), ["`units`", "'64'"]),
    "rate": (lambda: LAYERS.Dropout("0.5"), ["`rate`", "'0.5'"]),
    "learning_rate": (lambda: keras.optimizers.Adam("0.1"), ["`learning_rate`", "'0.1'"]),
    "input_shape": (lambda: keras.Input("20"), ["integers", "'20'"]),
    "fit": (_not_compiled("fit"), ["compile()", "fit()", "net"]),
    "evaluate": (_not_compiled("evaluate"), ["compile()", "evaluate()", "net"]),
    "train_on_batch": (_not_compiled("train_on_batch"), ["compile()", "train_on_batch()"]),
    "three_losses": (_two([A, B], loss=["mse"] * 3), ["2 outputs", "3", "'a', 'b'"]),
    "one_target": (_two(A, loss=["mse", "mse"]), ["expected 2", "a, b", "1"]),
    "loss_keys": (_two([A, B], loss={"a": "mse", "c": "mse"}), ["['a', 'b']", "['a', 'c']"]),
    "weight_keys": (
        _two([A, B], loss={"a": "mse", "b": "mse"}, loss_weights={"c": 1.0}), ["['a', 'b']", "c"],
    ),
    "weight_count": (_two([A, B], loss=["mse"] * 2, loss_weights=[1.0]), ["2 weights", "1"]),
    "metric_count": (_two([A, B], loss="mse", metrics=["mae"]), ["`metrics`", "outputs"]),
    "target_shape": (_two([A, A], loss="mse"), ["(32, 2)", "(32, 3)"]),
    "no_loss": (_compiled(loss=None), ["`loss`", "compile()", "loss=None"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    _check_error(*WRONG[name])


def test_wrong_rank_inside_names_the_layer_and_its_line() -> None:
    conv = keras.layers.Conv2D(2, 3, name="edges")
    line = test_wrong_rank_inside_names_the_layer_and_its_line.__code__.co_firstlineno + 1
    expected = ["edges", f"{HERE}:{line}", "ndim=4", "ndim=3", "(None, 28, 28)"]
    model = keras.Sequential([conv, keras.layers.Flatten(), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    _check_error(lambda: model.fit(np.zeros((8, 28, 28)), Y, verbose=0), expected)
    assert np.isfinite(model.fit(np.zeros((8, 28, 28, 1)), Y, verbose=0).history["loss"][0])


def test_nan_is_a_warning_that_says_where() -> None:
    model = _classifier()
    with pytest.warns(UserWarning, match=r"NaN.* 1 of 8 rows \(the first is row 2\)"):
        history = model.fit(_with_nan(), Y, verbose=0).history
    assert np.isnan(history["loss"][0])


def test_an_error_in_a_layer_of_the_user_is_shown_as_it_is() -> None:
    class Broken(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            raise KeyError("my own mistake")

    with pytest.raises(KeyError, match="my own mistake"):
        keras.Sequential([keras.Input((6,)), Broken()])


def test_names_resolved_by_bad_targets_are_resolved_again() -> None:
    model = _classifier()
    model.compile("sgd", "crossentropy", metrics=["accuracy", "ce"])
    with pytest.raises(ValueError, match="Received"):
        model.fit(X, np.zeros((8, 4)), verbose=0)
    history = model.fit(X, Y, verbose=0).history
    assert history["ce"] == pytest.approx(history["loss"])


def test_labels_that_the_loss_ignores_are_no_mistake() -> None:
    model = _classifier()
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    model.compile("sgd", loss)
    assert np.isfinite(model.fit(X, Y - 1, verbose=0).history["loss"][0])
