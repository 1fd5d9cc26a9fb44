"""Paths of variables, which tell users and checkpoints where a weight belongs: those of Keras."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

pytestmark = MARKS
ROW = np.ones((1, 3), "float32")


def sequential(k: Any) -> Any:
    return k.Sequential(
        [k.Input((3,)), k.layers.Dense(4, name="one"), k.layers.Dense(1, name="two")], name="net"
    )


def deferred(k: Any) -> Any:
    return k.Sequential([k.layers.Dense(4, name="one"), k.layers.Dense(1, name="two")], name="net")


def built(k: Any) -> Any:
    model = deferred(k)
    model.build((None, 3))
    return model


def called(k: Any) -> Any:
    model = deferred(k)
    model(ROW)
    return model


def functional(k: Any, *layers: Any, shape: Any = (3,)) -> Any:
    tensor = inputs = k.Input(shape)
    for layer in layers:
        tensor = layer(tensor)
    return k.Model(inputs, tensor, name="net")


def subclassed(k: Any) -> Any:
    class Net(k.Model):
        def __init__(self) -> None:
            super().__init__(name="sub")
            self.first, self.rest = k.layers.Dense(2, name="first"), deferred(k)

        def call(self, x: Any) -> Any:
            return self.rest(self.first(x))

    model = Net()
    model(ROW)
    return model


def block(k: Any, weight_first: bool) -> Any:
    class Block(k.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="block")
            self.inner = k.layers.Dense(2, name="inner")
            self.lazy = k.layers.Dense(2, name="lazy")
            if weight_first:
                self.early = self.add_weight(shape=(2,), name="early")

        def build(self, shape: Any) -> None:
            self.late = self.add_weight(shape=(2,), name="late")
            self.inner.build(shape)

        def call(self, x: Any) -> Any:
            return self.lazy(self.inner(x)) + self.late

    return Block()


def in_scope(k: Any) -> Any:
    with k.name_scope("outer"):
        return sequential(k)


MODELS = {
    "sequential": sequential,
    "built": built,
    "called": called,
    "in a scope": in_scope,
    "functional": lambda k: functional(k, k.layers.Dense(2, name="a"), k.layers.Dense(2, name="b")),
    "nested": lambda k: functional(k, deferred(k), k.layers.Dense(2, name="b")),
    "subclassed": subclassed,
    "block": lambda k: functional(k, block(k, False)),
    "block with an early weight": lambda k: functional(k, block(k, True)),
    "block in a chain": lambda k: k.Sequential([k.Input((3,)), block(k, True)], name="net"),
    "normalization": lambda k: functional(k, k.layers.BatchNormalization(name="bn")),
    "bidirectional": lambda k: functional(
        k, k.layers.Bidirectional(k.layers.LSTM(2, name="l"), name="bi"), shape=(3, 2)
    ),
    "cells": lambda k: functional(
        k,
        k.layers.RNN([k.layers.GRUCell(2, name="g"), k.layers.LSTMCell(3, name="h")], name="r"),
        shape=(3, 2),
    ),
    "each step": lambda k: functional(
        k, k.layers.TimeDistributed(k.layers.Dense(2, name="d"), name="t"), shape=(3, 2)
    ),
    "spectral": lambda k: functional(
        k, k.layers.SpectralNormalization(k.layers.Dense(2, name="d"), name="s")
    ),
    "convolution": lambda k: functional(
        k, k.layers.SeparableConv1D(2, 2, name="c"), k.layers.Flatten(), shape=(3, 2)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_paths(name: str) -> None:
    keras = import_module("keras")
    found = []
    for k in (ours, keras):
        k.utils.clear_session()
        model = MODELS[name](k)
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        variables = [*model.variables, *model.optimizer.variables]
        found.append(([v.path for v in variables], [layer.path for layer in model.layers]))
    assert found[0] == found[1]
