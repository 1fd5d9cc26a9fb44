"""`graphc.tensorflow`: the few names that tf.keras scripts use, and what the others say."""

import inspect

import numpy as np
import pytest

import graphc.tensorflow as tf
from graphc import keras


def test_keras_is_graphc_keras() -> None:
    assert tf.keras is keras


@pytest.mark.parametrize(
    "name", ["relu", "sigmoid", "softmax", "tanh", "elu", "selu", "softplus", "silu", "gelu"]
)
def test_activations_are_keras_functions(name: str) -> None:
    assert getattr(tf.nn, name) is getattr(keras.activations, name)
    assert keras.activations.serialize(getattr(tf.nn, name)) == name


def test_set_seed_repeats_every_draw() -> None:
    tf.random.set_seed(7)
    first = np.asarray(tf.random.normal((3,))), np.random.rand(3)
    tf.set_random_seed(7)
    second = np.asarray(tf.random.normal((3,))), np.random.rand(3)
    np.testing.assert_array_equal(first, second)


# (the call of TensorFlow 1, the Keras optimizer it stands for, its configuration)
OPTIMIZERS = [
    (
        tf.train.AdamOptimizer,
        "Adam",
        {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8},
    ),
    (
        lambda: tf.train.AdamOptimizer(0.01, beta1=0.8),
        "Adam",
        {"learning_rate": 0.01, "beta_1": 0.8},
    ),
    (lambda: tf.train.GradientDescentOptimizer(0.1), "SGD", {"learning_rate": 0.1, "momentum": 0}),
    (
        lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        "SGD",
        {"momentum": 0.9, "nesterov": True},
    ),
    (
        lambda: tf.train.RMSPropOptimizer(learning_rate=0.01, decay=0.95),
        "RMSprop",
        {"learning_rate": 0.01, "rho": 0.95, "momentum": 0.0, "epsilon": 1e-10},
    ),
    (
        lambda: tf.train.AdagradOptimizer(0.05),
        "Adagrad",
        {"learning_rate": 0.05, "initial_accumulator_value": 0.1},
    ),
]


@pytest.mark.parametrize(("make", "kind", "expected"), OPTIMIZERS)
def test_optimizers_of_tensorflow_1(make, kind, expected) -> None:
    optimizer = make()
    assert type(optimizer) is getattr(keras.optimizers, kind)
    config = optimizer.get_config()
    assert {key: config[key] for key in expected} == pytest.approx(expected)


def test_tensors() -> None:
    assert str(tf.constant([1.0, 2.0]).dtype) == "float32"
    assert tf.constant(3, shape=(2, 2)).tolist() == [[3, 3], [3, 3]]
    assert tf.constant([1, 2, 3, 4], dtype=tf.float32, shape=(2, 2)).tolist() == [[1, 2], [3, 4]]
    assert str(tf.convert_to_tensor(np.arange(3), dtype=tf.int32).dtype) == "int32"
    assert str(tf.cast([1.9], tf.int32).dtype) == "int32"
    values = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    assert float(tf.reduce_mean(values)) == 2.5
    assert tf.reduce_sum(values, axis=1).tolist() == [3, 7]
    assert float(tf.math.log(tf.ones(()))) == 0.0


def test_dtypes_are_their_names() -> None:
    assert tf.float32 == "float32" and tf.float32.name == "float32"
    assert tf.int64.as_numpy_dtype is np.int64
    assert np.dtype(tf.bool) == np.dtype(bool)


def test_version_says_that_it_is_not_tensorflow() -> None:
    assert tf.__version__ == tf.version.VERSION
    assert int(tf.__version__.split(".")[0]) == 2
    assert "graphc" in tf.__version__


@pytest.mark.parametrize(
    ("module", "name", "nearest"),
    [
        (tf, "reduce_meen", "reduce_mean"),
        (tf.nn, "relu_6", "relu6"),
        (tf.train, "AdamOptimiser", "AdamOptimizer"),
        (tf.random, "set_seeds", "set_seed"),
        (tf.math, "subtrat", "subtract"),
    ],
)
def test_an_absent_name_says_so(module, name, nearest) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    message = str(caught.value)
    assert f".{name} is not there" in message
    assert f"Nearest: {nearest}" in message
    assert "absent" not in message


def test_asking_for_names_is_safe() -> None:
    assert not hasattr(tf, "Graph")
    assert getattr(tf, "Session", None) is None
    assert not hasattr(tf.nn, "conv4d")
    assert inspect.getdoc(tf)
    with pytest.raises(ImportError, match="Graph"):
        from graphc.tensorflow import Graph  # noqa: F401
