"""Every optimizer in `fit`: with its options, schedules, clipping, decay, averages and freezing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.oracle.pairing import MARKS, Data, check, labels, rows

pytestmark = MARKS

Make = Callable[[Any], Any]

CASES: dict[str, Make] = {
    "name": lambda o: "adam",
    "sgd": lambda o: o.SGD(0.1),
    "momentum": lambda o: o.SGD(0.1, momentum=0.9),
    "nesterov": lambda o: o.SGD(0.1, momentum=0.9, nesterov=True),
    "sgd_decay": lambda o: o.SGD(0.1, weight_decay=0.1),
    "rmsprop": lambda o: o.RMSprop(0.01),
    "rmsprop_centered": lambda o: o.RMSprop(0.01, momentum=0.5, centered=True, epsilon=1e-3),
    "adam": lambda o: o.Adam(0.01),
    "amsgrad": lambda o: o.Adam(0.01, amsgrad=True, beta_2=0.9),
    "adam_decay": lambda o: o.Adam(0.01, weight_decay=0.1),
    "adamw": lambda o: o.AdamW(0.01, weight_decay=0.1),
    "adamw_excluded": lambda o: _excluding(o.AdamW(0.01, weight_decay=0.5), "bias"),
    "adagrad": lambda o: o.Adagrad(0.1),
    "clipnorm": lambda o: o.SGD(0.1, clipnorm=0.05),
    "clipvalue": lambda o: o.Adam(0.01, clipvalue=0.02),
    "global_clipnorm": lambda o: o.SGD(0.1, momentum=0.9, global_clipnorm=0.1),
    "ema": lambda o: o.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "ema_overwriting": lambda o: o.SGD(0.1, use_ema=True, ema_overwrite_frequency=3),
    "accumulation": lambda o: o.SGD(0.1, gradient_accumulation_steps=2),
    "loss_scale": lambda o: o.SGD(0.1, loss_scale_factor=16.0),
    "exponential": lambda o: o.SGD(o.schedules.ExponentialDecay(0.2, 2, 0.5)),
    "staircase": lambda o: o.Adam(o.schedules.ExponentialDecay(0.02, 2, 0.5, staircase=True)),
    "cosine": lambda o: o.SGD(o.schedules.CosineDecay(0.0, 6, warmup_target=0.2, warmup_steps=3)),
    "piecewise": lambda o: o.SGD(o.schedules.PiecewiseConstantDecay([3, 7], [0.2, 0.1, 0.05])),
    "polynomial": lambda o: o.RMSprop(o.schedules.PolynomialDecay(0.02, 8)),
    "inverse_time": lambda o: o.SGD(o.schedules.InverseTimeDecay(0.2, 2, 0.5)),
    "adamax": lambda o: o.Adamax(0.01),
    "nadam": lambda o: o.Nadam(0.01),
    "adadelta": lambda o: o.Adadelta(1.0),
    "lion": lambda o: o.Lion(0.001),
    "ftrl": lambda o: o.Ftrl(0.1),
    "adafactor": lambda o: o.Adafactor(0.01),
    "lamb": lambda o: o.Lamb(0.01),
}


def _excluding(optimizer: Any, name: str) -> Any:
    optimizer.exclude_from_weight_decay(var_names=[name])
    return optimizer


def _build(k: Any) -> Any:
    layers = [k.layers.Dense(5, activation="tanh"), k.layers.BatchNormalization()]
    return k.Sequential([k.Input((6,)), *layers, k.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("name", CASES)
def test_optimizer(keras: Any, name: str) -> None:
    def compile(k: Any) -> dict[str, Any]:
        return {
            "optimizer": CASES[name](k.optimizers), "loss": "sparse_categorical_crossentropy",
        }  # fmt: skip

    # Keras's averages share a buffer with the weights after a fit: its next one fails on JAX.
    data = Data(rows((6,)), labels(3), once=name.startswith("ema"))
    pair = check(keras, _build, data, compile)
    assert int(pair.ours.optimizer.iterations) == int(pair.theirs.optimizer.iterations)
