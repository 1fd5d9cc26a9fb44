"""`layer.losses` after calls on arrays: those of the last call only, as in Keras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS

pytestmark = MARKS
X = np.arange(8, dtype="float32").reshape(4, 2)


def _penalty(k: Any) -> Any:
    class Penalty(k.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(0.1 * k.ops.mean(inputs))
            return inputs

    return Penalty()


def _outer(k: Any) -> Any:
    class Outer(k.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = _penalty(k)

        def call(self, inputs: Any) -> Any:
            return self.inner(self.inner(inputs) * 2.0)

    return Outer()


def _ones(k: Any, **arguments: Any) -> Any:
    return k.layers.Dense(3, kernel_initializer="ones", **arguments)


def _functional(k: Any) -> Any:
    inputs = k.Input((2,))
    hidden = _ones(k, activity_regularizer="l1", kernel_regularizer="l2")(inputs)
    return k.Model(inputs, _penalty(k)(hidden))


def _subclass(k: Any) -> Any:
    class Net(k.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = _ones(k)

        def call(self, inputs: Any) -> Any:
            out = self.dense(inputs)
            self.add_loss(k.ops.sum(out))
            return out

    return Net()


FORMS: dict[str, Callable[[Any], Any]] = {
    "layer": _penalty,
    "outer": _outer,
    "activity": lambda k: _ones(k, activity_regularizer="l2"),
    "weights": lambda k: _ones(k, kernel_regularizer="l2"),
    "sequential": lambda k: k.Sequential([_ones(k, activity_regularizer="l2"), _penalty(k)]),
    "functional": _functional,
    "subclass": _subclass,
}


@pytest.mark.parametrize("form", FORMS)
def test_losses_of_the_last_call(keras: Any, form: str) -> None:
    pair = [FORMS[form](k) for k in (ours, keras)]
    for inputs in (X, X + 1.0):
        found, expected = (
            [float(np.sum(loss)) for loss in m.losses] for m in pair if m(inputs) is not None
        )
        assert found and sorted(found) == pytest.approx(sorted(expected), rel=1e-6)


def test_prediction_adds_none() -> None:
    model = _functional(ours)
    model.predict(X, verbose=0)
    assert len(model.losses) == 1  # the penalty on weights
