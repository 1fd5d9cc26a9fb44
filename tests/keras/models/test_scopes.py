"""`keras.Function`, the scopes, and rematerialisation."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")


def test_function():
    first, second = keras.KerasTensor((None, 2, 3)), keras.KerasTensor((None, 2, 3))
    function = keras.Function([first, second], keras.ops.sigmoid(first + second))
    values = np.random.default_rng(0).normal(size=(2, 4, 2, 3)).astype("float32")
    expected = 1 / (1 + np.exp(-values.sum(0)))
    np.testing.assert_allclose(function(list(values)), expected, rtol=1e-5)
    again = function([keras.KerasTensor((None, 2, 3)), keras.KerasTensor((None, 2, 3))])
    assert again.shape == (None, 2, 3)
    assert [type(op).__name__ for op in function.operations][-2:] == ["Add", "Sigmoid"]
    with pytest.raises(ValueError, match="Received"):
        function(values[0])
    with pytest.raises(ValueError, match="cannot be empty"):
        keras.Function([], first)


def test_stateless_scope():
    dense = keras.layers.Dense(3, activity_regularizer="l2")
    dense.build((None, 6))
    mapping = [(v, jnp.ones(v.shape)) for v in dense.variables]
    before = dense.get_weights()
    with keras.StatelessScope(mapping, collect_losses=True) as scope:
        output = dense(X)
        dense.bias.assign(jnp.zeros(3))
    np.testing.assert_allclose(output, (X.sum(1, keepdims=True) + 1).repeat(3, 1), rtol=1e-5)
    np.testing.assert_array_equal(scope.get_current_value(dense.bias), np.zeros(3))
    assert len(scope.losses) == 1
    for one, other in zip(dense.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="shape"):
        keras.StatelessScope([(dense.bias, jnp.zeros(4))])
    with pytest.raises(ValueError, match="Variable"):
        keras.StatelessScope([("bias", jnp.zeros(4))])


def test_stateless_scope_under_grad():
    dense = keras.layers.Dense(3)
    dense.build((None, 6))

    def loss(kernel):
        with keras.StatelessScope([(dense.kernel, kernel)]):
            return jnp.sum(dense(X))

    gradient = jax.jit(jax.grad(loss))(dense.kernel.value)
    np.testing.assert_allclose(gradient, X.sum(0)[:, None].repeat(3, 1), rtol=1e-4)


def small_model(scope):
    keras.utils.set_random_seed(0)
    with scope:
        model = keras.Sequential(
            [
                keras.Input((6,)),
                keras.layers.Dense(32, "gelu", name="wide", kernel_regularizer="l2"),
                keras.layers.BatchNormalization(name="norm"),
                keras.layers.Dropout(0.3, name="drop"),
                keras.layers.Dense(3, "tanh", name="last", activity_regularizer="l2"),
            ]
        )
    model.compile("adam", "mse")
    return model


SCOPES = {
    "full": ({}, 5),
    "activations": ({"mode": "activations"}, 2),
    "larger_than": ({"mode": "larger_than", "output_size_threshold": 100}, 3),
    "list_of_layers": ({"mode": "list_of_layers", "layer_names": ["wide"]}, 1),
    "none": ({"mode": None}, 0),
}


@pytest.mark.parametrize("name", SCOPES)
def test_rematerialised_training_is_the_same(name):
    arguments, least = SCOPES[name]
    plain, kept = small_model(keras.RematScope(mode=None)), None
    kept = small_model(keras.RematScope(**arguments))
    for model in (plain, kept):
        model.fit(X, Y, epochs=3, batch_size=4, verbose=0, shuffle=False)
    for one, other in zip(kept.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    found = sum("remat" in line for line in str(kept.explain()).splitlines())
    assert bool(found) == bool(least)


def test_unknown_mode():
    with pytest.raises(ValueError, match="Received: mode='all'"):
        keras.RematScope("all")


def test_remat_function():
    class Layer(keras.layers.Layer):
        def call(self, x):
            return keras.remat(lambda a, scale: keras.ops.sin(a) * scale)(x, scale=2.0)

    inputs = keras.Input((6,))
    model = keras.Model(inputs, Layer()(inputs))
    np.testing.assert_allclose(model.predict(X, verbose=0), 2 * np.sin(X), rtol=1e-5)
    gradient = jax.grad(lambda x: jnp.sum(keras.remat(jnp.sin)(x)))(jnp.asarray(X))
    np.testing.assert_allclose(gradient, np.cos(X), rtol=1e-5)


def test_name_scope():
    with keras.name_scope("outer"), keras.name_scope("inner"):
        variable = keras.Variable(1.0, name="v")
        dense = keras.layers.Dense(2, name="dense")
        dense.build((None, 3))
    assert variable.path == "outer/inner/v"
    assert dense.kernel.path == "outer/inner/dense/kernel"
    assert keras.Variable(1.0, name="w").path == "w"
    with pytest.raises(ValueError, match="Received: name=a/b"):
        keras.name_scope("a/b")
