"""Objects as plain data and back; what `compile` was given travels with a model."""

from __future__ import annotations

import copy
import json
import pickle
from importlib import import_module

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from graphc import keras
from graphc.keras.saving import (
    deserialize_keras_object,
    register_keras_serializable,
    serialize_keras_object,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 3)).astype("float32")
Y = RNG.normal(size=(8, 1)).astype("float32")

OBJECTS = {
    "dense": lambda k: k.layers.Dense(3, "relu", kernel_initializer="he_normal", name="d"),
    "seeded": lambda k: k.layers.Dropout(0.2, seed=3, name="d"),
    "activation": lambda k: k.layers.Activation("gelu", name="a"),
    "conv": lambda k: k.layers.Conv2D(2, (3, 1), strides=2, kernel_regularizer="l2", name="c"),
    "input": lambda k: k.layers.InputLayer(shape=(3,), name="i"),
    "initializer": lambda k: k.initializers.RandomNormal(stddev=0.3, seed=1),
    "regularizer": lambda k: k.regularizers.L1L2(0.1, 0.2),
    "constraint": lambda k: k.constraints.MaxNorm(2.0, axis=[0, 1]),
    "loss": lambda k: k.losses.CategoricalCrossentropy(label_smoothing=0.25),
    "metric": lambda k: k.metrics.AUC(num_thresholds=20),
    "optimizer": lambda k: k.optimizers.SGD(0.5, momentum=0.25, nesterov=True, name="s"),
    "schedule": lambda k: k.optimizers.Adam(
        k.optimizers.schedules.ExponentialDecay(0.5, 9, 0.25), name="a"
    ),
    "policy": lambda k: k.DTypePolicy("mixed_bfloat16"),
}


@pytest.fixture(scope="module")
def keras_oracle():
    return import_module("keras")


def by_oracle(test):
    """Mark a test that needs Keras, whose variables warn when NumPy converts them."""
    return pytest.mark.oracle(pytest.mark.filterwarnings("ignore:__array__")(test))


def plain(value):
    """Return JSON data rounded (learning rates are float32), without quantization (not ours)."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k != "quantization_config"}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return round(value, 6) if isinstance(value, float) else value


@by_oracle
@pytest.mark.parametrize("name", OBJECTS)
def test_entry_is_that_of_keras(name, keras_oracle):
    ours, theirs = (
        plain(json.loads(json.dumps(module.saving.serialize_keras_object(OBJECTS[name](module)))))
        for module in (keras, keras_oracle)
    )
    assert ours == theirs


@by_oracle
@pytest.mark.parametrize("name", OBJECTS)
def test_entry_of_keras_is_read(name, keras_oracle):
    entry = keras_oracle.saving.serialize_keras_object(OBJECTS[name](keras_oracle))
    made = deserialize_keras_object(json.loads(json.dumps(entry)))
    expected = serialize_keras_object(OBJECTS[name](keras))
    assert type(made) is type(OBJECTS[name](keras))
    assert plain(json.loads(json.dumps(serialize_keras_object(made)))) == plain(
        json.loads(json.dumps(expected))
    )


@pytest.mark.parametrize(
    "value",
    [
        None, 3, 2.5, "text", [1, [2, "x"]], {"a": {"b": [None]}}, b"bytes", slice(1, None, 2),
        Ellipsis, np.arange(6).reshape(2, 3), jnp.ones((2,), "bfloat16"),
    ],
    ids=repr,
)  # fmt: skip
def test_plain_values_return(value):
    made = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(value))))
    if hasattr(value, "dtype"):
        assert made.dtype == value.dtype
        np.testing.assert_array_equal(np.asarray(made), np.asarray(value))
    else:
        assert made == value


@register_keras_serializable("tests")
class Doubling(keras.layers.Layer):
    """A registered layer."""

    def call(self, inputs):
        return inputs * 2.0


@register_keras_serializable("tests")
def registered_loss(y_true, y_pred):
    """Return absolute errors."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


def unregistered_loss(y_true, y_pred):
    """Return squared errors."""
    return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)


def test_registered_class_and_function():
    entry = serialize_keras_object(Doubling(name="twice"))
    assert entry["registered_name"] == "tests>Doubling"
    assert type(deserialize_keras_object(entry)) is Doubling
    entry = json.loads(json.dumps(serialize_keras_object(registered_loss)))
    assert deserialize_keras_object(entry) is registered_loss


def test_nothing_outside_is_imported():
    for module in ("os", "builtins", "keras", None):
        entry = {"module": module, "class_name": "function", "config": "system"}
        with pytest.raises(ValueError, match="Could not find 'system'"):
            deserialize_keras_object(entry)


def test_lambda_needs_trust():
    entry = json.loads(json.dumps(serialize_keras_object(lambda x: keras.ops.abs(x) * 1.0)))
    with pytest.raises(ValueError, match="safe_mode=False"):
        deserialize_keras_object(entry)
    function = deserialize_keras_object(entry, safe_mode=False)
    assert float(function(-2.0)) == 2.0


def chain():
    return keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", name="h"),
            keras.layers.Dense(1, name="o"),
        ]
    )


COMPILED = {
    "names": {"optimizer": "adam", "loss": "mse", "metrics": ["mae"]},
    "objects": {
        "optimizer": keras.optimizers.SGD(0.1, momentum=0.5),
        "loss": keras.losses.Huber(0.5),
        "metrics": [keras.metrics.MeanAbsoluteError(name="error")],
        "loss_weights": 2.0,
    },
    "registered": {"optimizer": "sgd", "loss": registered_loss},
}


@pytest.mark.parametrize("arguments", COMPILED.values(), ids=COMPILED)
def test_compile_configuration(arguments):
    model = chain()
    model.compile(**copy.deepcopy(arguments))
    config = json.loads(json.dumps(model.get_compile_config()))
    other = chain()
    other.compile_from_config(config)
    assert other.optimizer.built
    assert json.loads(json.dumps(other.get_compile_config())) == config
    other.set_weights(model.get_weights())
    histories = [
        m.fit(X, Y, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        for m in (model, other)
    ]
    assert histories[0] == histories[1]


@by_oracle
def test_compile_configuration_of_keras(keras_oracle):
    layers = keras_oracle.layers
    theirs = keras_oracle.Sequential([keras_oracle.Input((3,)), layers.Dense(1)])
    theirs.compile("adam", "mse", metrics=["mae", keras_oracle.metrics.RootMeanSquaredError()])
    ours = keras.models.model_from_json(theirs.to_json())
    assert ours.compiled
    assert type(ours.optimizer).__name__ == "Adam"
    back = keras_oracle.models.model_from_json(ours.to_json())
    assert type(back.optimizer).__name__ == "Adam"
    assert back.get_compile_config()["metrics"] == theirs.get_compile_config()["metrics"]


@pytest.mark.parametrize("way", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copy_of_a_trained_model_goes_on_alike(way):
    model = chain()
    model.compile("adam", unregistered_loss, metrics=["mae"])
    model.fit(X, Y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    made = way(model)
    assert int(made.optimizer.iterations.value) == 2
    for one in (model, made):
        one.fit(X, Y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    for old, new in zip(model.get_weights(), made.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_copy_keeps_what_has_no_configuration():
    model = chain()
    model.compile(optax.sgd(0.1), lambda y_true, y_pred: 2.0 * unregistered_loss(y_true, y_pred))
    made = copy.deepcopy(model)
    for one in (model, made):
        one.fit(X, Y, batch_size=4, epochs=1, shuffle=False, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], made.get_weights()[0])
    with pytest.raises(ValueError, match="Cannot serialize"):
        model.to_json()


def test_clone_is_compiled_alike():
    model = chain()
    model.compile(keras.optimizers.SGD(0.5), unregistered_loss, metrics=["mae"])
    made = keras.models.clone_model(model)
    assert float(made.optimizer.learning_rate) == 0.5
    assert made.optimizer is not model.optimizer
    made.fit(X, Y, verbose=0)


def test_own_compile_is_left_alone():
    class Own(keras.Sequential):
        def compile(self, rate):
            super().compile(keras.optimizers.SGD(rate), "mse")

    model = Own([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(0.1)
    with pytest.warns(UserWarning, match="its own `compile\\(\\)`"):
        made = copy.deepcopy(model)
    assert not made.compiled


def test_variable_carries_its_value():
    variable = keras.Variable(np.arange(3.0), name="v", trainable=False)
    for made in (copy.deepcopy(variable), pickle.loads(pickle.dumps(variable))):
        made.assign_add(np.ones(3))
        np.testing.assert_array_equal(variable.numpy(), [0, 1, 2])
        np.testing.assert_array_equal(made.numpy(), [1, 2, 3])
        assert (made.name, made.trainable) == ("v", False)
