"""Warnings before training: each finds its mistake, says the fix, and is quiet otherwise."""

import warnings

import numpy as np
import pytest

from graphc import keras
from graphc.keras import layers, ops
from graphc.keras.training.lint import CHECKS, LintWarning

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
X2 = np.concatenate([X, X])
LABELS = np.arange(16) % 3
SPARSE = keras.losses.SparseCategoricalCrossentropy
BINARY = keras.losses.BinaryCrossentropy


@pytest.fixture(autouse=True)
def linted(monkeypatch):
    monkeypatch.delenv("GRAPHC_LINT", raising=False)


def fit(*stack, loss="mse", x=X, y=None, freeze=False, **kwargs):
    model = keras.Sequential([keras.Input(x.shape[1:], dtype=str(x.dtype)), *stack])
    model.trainable = not freeze
    model.compile("sgd", loss)
    model.fit(x, np.zeros((16, 1), "float32") if y is None else y, verbose=0, **kwargs)


def two_inputs(use):
    a, b = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([a, b], layers.Dense(1)(layers.add([a, b]) if use else a))
    model.compile("sgd", "mse")
    model.fit([X, X], X[:, :1], verbose=0)


def plain(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def fine_tuned(inner, frozen=False):
    base = keras.Sequential([keras.Input((4,)), inner])
    base.trainable = not frozen
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1)(base(inputs, training=False)))
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)


IMAGES = np.zeros((16, 5, 5, 1), "uint8")

MISTAKES = [
    ("softmax_as_logits", "Drop one", lambda: fit(
        layers.Dense(3, "softmax"), loss=SPARSE(from_logits=True), y=LABELS)),
    ("softmax_as_logits", "sigmoid", lambda: fit(
        layers.Dense(1, "sigmoid"), loss=BINARY(from_logits=True))),
    ("logits_as_probabilities", "from_logits=True", lambda: fit(
        layers.Dense(3), loss="sparse_categorical_crossentropy", y=LABELS)),
    ("logits_as_probabilities", "end the model", lambda: fit(
        layers.Dense(1), loss="binary_crossentropy")),
    ("labels_not_binary", "from -1 to 1", lambda: fit(
        layers.Dense(1, "sigmoid"), loss="binary_crossentropy", y=LABELS[:, None] - 1)),
    ("labels_not_binary", "from 0 to 2", lambda: fit(
        layers.Dense(1), loss=BINARY(from_logits=True), y=LABELS[:, None])),
    ("broadcast_loss", "one shape", lambda: fit(
        layers.Dense(3), loss=plain, y=np.zeros((32, 1)), x=X2)),
    ("broadcast_loss", r"\(32, 1\)", lambda: fit(layers.Dense(3), y=np.zeros((32, 1)), x=X2)),
    ("unused_input", "Input 1 of 2", lambda: two_inputs(use=False)),
    ("nothing_trainable", "trainable = True", lambda: fit(layers.Dense(1), freeze=True)),
    ("unscaled_images", "Divide them by 255", lambda: fit(
        layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(1), x=IMAGES)),
    ("unscaled_images", "Rescaling", lambda: fit(
        layers.Flatten(), layers.Dense(1), x=IMAGES)),
    ("training_overruled", "trainable = False", lambda: fine_tuned(layers.BatchNormalization())),
]  # fmt: skip
FINE = [
    lambda: fit(layers.Dense(3, "softmax"), loss=SPARSE(), y=LABELS),
    lambda: fit(layers.Dense(3), loss=SPARSE(from_logits=True), y=LABELS),
    lambda: fit(layers.Dense(3), layers.Softmax(), loss=SPARSE(), y=LABELS),
    lambda: fit(layers.Dense(1, "sigmoid"), loss="binary_crossentropy"),
    lambda: fit(layers.Dense(1), loss=plain),
    lambda: fit(layers.Dense(1), y=np.zeros(16)),
    lambda: two_inputs(use=True),
    lambda: fit(layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(1), x=IMAGES),
    lambda: fit(layers.BatchNormalization(), layers.Flatten(), layers.Dense(1), x=IMAGES),
    lambda: fit(layers.Flatten(), layers.Dense(1), x=IMAGES / 255.0),
    lambda: fine_tuned(layers.BatchNormalization(), frozen=True),
    lambda: fine_tuned(layers.Dense(2)),
]


@pytest.mark.parametrize(("name", "fix", "run"), MISTAKES)
def test_a_mistake_is_named_with_its_fix(name, fix, run):
    with pytest.warns(LintWarning, match=rf"\[{name}\].*{fix}") as found:
        run()
    assert len(found) == 1


@pytest.mark.parametrize("run", FINE)
def test_nothing_is_said_where_nothing_is_wrong(run):
    with warnings.catch_warnings():
        warnings.simplefilter("error", LintWarning)
        run()


@pytest.mark.parametrize("knob", ["off", "-nothing_trainable,-unused_input"])
def test_the_knob_silences_by_name(monkeypatch, knob):
    monkeypatch.setenv("GRAPHC_LINT", knob)
    with warnings.catch_warnings():
        warnings.simplefilter("error", LintWarning)
        fit(layers.Dense(1), freeze=True)


def test_pythons_filter_silences_by_name():
    with warnings.catch_warnings():
        warnings.simplefilter("error", LintWarning)
        warnings.filterwarnings("ignore", ".nothing_trainable")
        fit(layers.Dense(1), freeze=True)


def test_batches_are_looked_at_once():
    def batches():
        for _ in range(4):
            yield X, np.zeros((16, 1), "float32")

    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("sgd", "binary_crossentropy")
    with pytest.warns(LintWarning) as found:
        model.fit(batches(), steps_per_epoch=2, epochs=2, verbose=0)
    assert len(found) == 1


def test_every_check_has_a_mistake_that_it_finds():
    assert {name for name, _, _ in MISTAKES} == set(CHECKS)
