"""Whole fits under 16-bit policies: the same losses, weights and loss scales as in Keras."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS, Data, Pair, labels, rows

pytestmark = MARKS
HALF = 2e-3  # relative: sums of 16-bit products are rounded in another order
X, Y = rows((8, 8, 3)), labels(4)


@pytest.fixture(autouse=True)
def float32_afterwards(keras: Any) -> Iterator[None]:
    yield
    for module in (keras, ours):
        module.config.set_dtype_policy("float32")


def _image_model(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.LayerNormalization(),
            k.layers.Dense(8, activation="gelu"),
            k.layers.Dense(4, activation="softmax", dtype="float32"),
        ]
    )


def _pair(keras: Any, policy: str, **compile: Any) -> Pair:
    for module in (keras, ours):
        module.config.set_dtype_policy(policy)
    arguments = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compile}
    return Pair.make(keras, _image_model, lambda k: arguments, X)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop"])
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_fit(keras: Any, policy: str, optimizer: str) -> None:
    pair = _pair(keras, policy, optimizer=optimizer)
    before = pair.theirs.get_weights()
    mine, theirs = pair.fit(Data(X, Y), epochs=3)
    for name, values in theirs.items():
        np.testing.assert_allclose(mine[name], values, rtol=HALF, err_msg=name)
    for ours_now, theirs_now, start in zip(
        pair.ours.get_weights(), pair.theirs.get_weights(), before, strict=True
    ):
        moved = np.abs(theirs_now - start).max()
        np.testing.assert_allclose(ours_now, theirs_now, rtol=0, atol=0.02 * moved + 1e-4)
    names = [type(model.optimizer).__name__ for model in (pair.ours, pair.theirs)]
    assert names[0] == names[1]
    assert ("LossScale" in names[0]) == (policy == "mixed_float16")


def test_an_overflow_skips_the_step_and_halves_the_scale(keras: Any) -> None:
    pair = _pair(keras, "mixed_float16", optimizer="sgd")
    before = pair.ours.get_weights()
    huge = X * 1e5
    for model in (pair.ours, pair.theirs):
        model.train_on_batch(huge[:4], Y[:4])
    scales = [float(np.asarray(m.optimizer.dynamic_scale)) for m in (pair.ours, pair.theirs)]
    assert scales[0] == scales[1] == 2.0**14
    trained = {id(v) for v in pair.ours.trainable_weights}
    for variable, start in zip(pair.ours.weights, before, strict=True):
        if id(variable) in trained:
            np.testing.assert_array_equal(variable.numpy(), start)


@pytest.mark.parametrize("scaled", [True, False])
def test_auto_scale_loss(keras: Any, scaled: bool) -> None:
    pair = _pair(keras, "mixed_float16", optimizer="sgd", auto_scale_loss=scaled)
    names = [type(model.optimizer).__name__ for model in (pair.ours, pair.theirs)]
    assert names[0] == names[1] == ("LossScaleOptimizer" if scaled else "SGD")
