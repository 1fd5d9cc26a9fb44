"""Copies of layers and of subclassed models, and what a copy is made from."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from graphc import keras

ONE, TWO = np.ones((1, 3), "float32"), np.ones((1, 4), "float32")
FACTOR = 3.0


class TwoArguments(keras.Model):
    """A model of two tensors, each an argument of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.Dense(2), keras.layers.Dense(2)

    def call(self, x, y, training=None):
        return self.first(x) + self.second(y)


class OneDictionary(TwoArguments):
    """The same of one dictionary."""

    def call(self, inputs):
        return self.first(inputs["x"]) + self.second(inputs["y"])


class Inside(keras.layers.Layer):
    """A layer that is given another."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner = inner

    def call(self, inputs):
        return self.inner(inputs)


CALLS = {TwoArguments: (ONE, TWO), OneDictionary: ({"x": ONE, "y": TWO},)}


@pytest.mark.parametrize("cls", CALLS)
def test_subclassed_model(cls):
    model = cls()
    expected = np.asarray(model(*CALLS[cls]))
    for made in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(np.asarray(made(*CALLS[cls])), expected)


def test_layer_alone():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    made = copy.deepcopy(layer)
    np.testing.assert_array_equal(made.kernel.numpy(), layer.kernel.numpy())
    made.kernel.assign(np.zeros((3, 2)))
    assert layer.kernel.numpy().any()


@pytest.mark.parametrize(
    "layer",
    [
        lambda: keras.layers.Lambda(lambda x: x * FACTOR),
        lambda: keras.layers.Dense(2, activation=lambda x: x * FACTOR),
        lambda: Inside(keras.layers.Dense(2)),
    ],
)
def test_functions_and_layers_inside_travel(layer):
    x = keras.Input((3,))
    model = keras.Model(x, layer()(x))
    made = copy.deepcopy(model)
    np.testing.assert_array_equal(np.asarray(made(ONE)), np.asarray(model(ONE)))
    assert len(keras.models.clone_model(model).weights) == len(model.weights)


def test_deep_models_do_not_exhaust_the_stack():
    x = y = keras.Input((1,))
    for _ in range(150):
        y = keras.layers.Activation("linear")(y)
    model = keras.Model(x, y)
    assert len(pickle.loads(pickle.dumps(copy.deepcopy(model))).layers) == 151


def test_frozen_layers_stay_frozen():
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    model.trainable = False
    made = copy.deepcopy(model)
    assert not made.trainable
    assert not made.trainable_weights
