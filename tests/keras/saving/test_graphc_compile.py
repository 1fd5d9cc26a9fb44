"""`graphc.compile` on a model, on what describes it, and on a graph made by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.builder import Builder
from graphc.keras.models.configuration import model_from_configuration
from graphc.spec import TensorSpec

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")


def functional():
    x = keras.Input((3,), name="x")
    y = keras.layers.BatchNormalization(name="norm")(x)
    y = keras.layers.Dropout(0.5, seed=1, name="drop")(y)
    return keras.Model(x, keras.layers.Dense(2, activation="softmax", name="top")(y + x))


def sequential():
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "tanh", name="d")])


FORMS = {
    "configuration": lambda model: model.get_config(),
    "entry": keras.saving.serialize_keras_object,
    "json": lambda model: model.to_json(),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("build", [functional, sequential])
def test_configurations_compile_like_the_model(build, form):
    model = build()
    expected = graphc.compile(model, inputs=X)(X)
    executable = graphc.compile(FORMS[form](model), inputs=X)
    executable.model.set_weights(model.get_weights())
    np.testing.assert_allclose(executable(X), expected, rtol=1e-6)
    np.testing.assert_allclose(expected, np.asarray(model(X)), rtol=1e-6)


def test_compile_state_does_not_matter():
    model = sequential()
    model.compile("sgd", lambda y_true, y_pred: y_pred)
    entry = {
        "class_name": "Sequential",
        "config": model.get_config(),
        "compile_config": {"loss": 1},
    }
    assert not model_from_configuration(json.loads(json.dumps(entry))).compiled


def test_not_a_model():
    with pytest.raises(ValueError, match="keys \\['units'\\]"):
        graphc.compile({"units": 3})


def test_training_mode_keeps_new_state():
    model = functional()
    executable = graphc.compile(model, inputs=X, mode="train")
    norm, drop = model.get_layer("norm"), model.get_layer("drop")
    before = norm.moving_mean.numpy(), drop.seed_generator.state.numpy()
    first, second = np.asarray(executable(X)), np.asarray(executable(X))
    assert first.shape == (4, 2)
    assert not np.array_equal(first, second)  # another dropout mask
    expected = 0.99**2 * before[0] + (1 - 0.99**2) * X.mean(0)
    np.testing.assert_allclose(norm.moving_mean.numpy(), expected, rtol=1e-5, atol=1e-7)
    assert not np.array_equal(drop.seed_generator.state.numpy(), before[1])
    inference = graphc.compile(model, inputs=X)
    np.testing.assert_array_equal(inference(X), inference(X))


def test_inputs_are_taken_from_the_model():
    executable = graphc.compile(sequential())
    assert np.asarray(executable(X[:1])).shape == (1, 2)


def test_graph_made_by_hand():
    builder = Builder()
    x = builder.input(TensorSpec((4, 3), "float32"), "x")
    y = builder.emit("math.add", builder.emit("math.exp", x), 1.0)
    executable = graphc.compile(builder.finish([y]))
    np.testing.assert_allclose(executable(X)[0], np.exp(X) + 1, rtol=1e-6)
    with pytest.raises(ValueError, match="takes 1 inputs"):
        executable(X, X)
