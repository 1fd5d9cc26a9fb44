"""Optimizers and other arguments of `compile`, for the files that hold their state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Compile = Callable[[Any], dict[str, Any]]


def optimizer(name: str, **arguments: Any) -> Compile:
    """Return what makes the arguments of `compile` with that optimizer."""
    return lambda keras: {
        "optimizer": getattr(keras.optimizers, name)(**arguments),
        "loss": keras.losses.MeanSquaredError(),
    }


def _scheduled(keras: Any) -> dict[str, Any]:
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    return {"optimizer": keras.optimizers.SGD(schedule, momentum=0.5), "loss": "mse"}


def _scaled(keras: Any) -> dict[str, Any]:
    inner = keras.optimizers.Adam(0.01)
    return {"optimizer": keras.optimizers.LossScaleOptimizer(inner, 256.0), "loss": "mse"}


def _several(keras: Any) -> dict[str, Any]:
    return {
        "optimizer": "adam", "loss": keras.losses.LogCosh(), "loss_weights": 2.0,
        "metrics": ["mae", keras.metrics.RootMeanSquaredError(name="rmse")],
        "weighted_metrics": [keras.metrics.MeanAbsoluteError(name="weighted")],
        "steps_per_execution": 2, "run_eagerly": False,
    }  # fmt: skip


def _smoothed(keras: Any) -> dict[str, Any]:
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1, from_logits=True)
    return {"optimizer": "rmsprop", "loss": loss, "metrics": ["accuracy"]}


OPTIMIZERS: dict[str, Compile] = {
    "SGD": optimizer("SGD"),
    "SGD with momentum": optimizer("SGD", momentum=0.9, nesterov=True, clipnorm=1.0),
    "RMSprop": optimizer("RMSprop", momentum=0.5, centered=True),
    "Adam": optimizer("Adam", amsgrad=True, weight_decay=0.01),
    "AdamW": optimizer("AdamW", weight_decay=0.1),
    "Adadelta": optimizer("Adadelta"),
    "Adagrad": optimizer("Adagrad"),
    "Adamax": optimizer("Adamax"),
    "Nadam": optimizer("Nadam"),
    "Ftrl": optimizer("Ftrl", l1_regularization_strength=0.1),
    "Lion": optimizer("Lion"),
    "Lamb": optimizer("Lamb"),
    "Adafactor": optimizer("Adafactor"),
    "Muon": optimizer("Muon"),
    "ScheduleFreeAdamW": optimizer("ScheduleFreeAdamW"),
    "moving averages": optimizer("Adam", use_ema=True, ema_momentum=0.9),
    "accumulated gradients": optimizer("SGD", momentum=0.9, gradient_accumulation_steps=2),
    "loss scaling": _scaled,
    "a schedule": _scheduled,
}
COMPILES: dict[str, Compile] = {"metrics and weights": _several, "a smoothed loss": _smoothed}
