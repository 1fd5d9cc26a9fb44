"""Masks count the same whether the steps are compiled or run eagerly."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras

IDS = np.array([[1, 2, 0, 0], [3, 0, 0, 0], [4, 5, 6, 0], [7, 8, 9, 1]])


def per_step(eagerly):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(10, 3, mask_zero=True),
            keras.layers.Dense(10),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=["accuracy"], run_eagerly=eagerly)
    return model, IDS


def pooled(eagerly):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,), dtype="int32"),
            keras.layers.Embedding(10, 3, mask_zero=True),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(2),
        ]
    )
    model.compile("sgd", "mse", run_eagerly=eagerly)
    return model, np.eye(4)[:, :2]


def ignored(eagerly):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=1)
    model.compile("sgd", loss, run_eagerly=eagerly)
    return model, IDS[:, 0]


@pytest.mark.parametrize("build", [per_step, pooled, ignored])
def test_compiled_as_eager(build):
    found = []
    for eagerly in (False, True):
        model, y = build(eagerly)
        history = model.fit(IDS, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
        found.append((history, model.get_weights()))
    (compiled, weights), (eager, others) = found
    assert compiled.keys() == eager.keys()
    for name, values in compiled.items():
        np.testing.assert_allclose(values, eager[name], rtol=1e-5)
    for one, other in zip(weights, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
