"""`keras.optimizers.get`, `serialize` and `deserialize`."""

from __future__ import annotations

import difflib
from typing import Any

import optax

from graphc.keras.optimizers.adagrad import Adadelta, Adafactor, Adagrad, Ftrl
from graphc.keras.optimizers.adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from graphc.keras.optimizers.loss_scale import LossScaleOptimizer
from graphc.keras.optimizers.momentum import SGD, Lion, RMSprop
from graphc.keras.optimizers.multi import MultiOptimizer, OptimizerMap
from graphc.keras.optimizers.muon import Muon
from graphc.keras.optimizers.optax_optimizer import OptaxOptimizer
from graphc.keras.optimizers.optimizer import Optimizer
from graphc.keras.saving import (
    deserialize_keras_object,
    get_registered_object,
    serialize_keras_object,
)

OPTIMIZERS: dict[str, type] = {
    cls.__name__.lower(): cls
    for cls in (
        *(Adadelta, Adafactor, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Muon, Nadam),
        *(RMSprop, SGD, ScheduleFreeAdamW, LossScaleOptimizer, MultiOptimizer, OptimizerMap),
    )
}


def serialize(optimizer: Any) -> Any:
    """Return the config that `deserialize` turns back into the optimizer."""
    return serialize_keras_object(optimizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the optimizer that a config describes; names of built-in classes in any case.

    Raises:
        ValueError: the class is unknown.
    """
    name = config["class_name"]
    known = OPTIMIZERS.get(name.lower())
    registered = config.get("registered_name")
    if known is None or name in (custom_objects or {}) or registered not in (None, name):
        return deserialize_keras_object(config, custom_objects=custom_objects)
    return known.from_config(dict(config["config"]), custom_objects=custom_objects)


def get(identifier: Any) -> Any:
    """Return the optimizer for a name, a config, an optimizer or an optax transformation.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, optax.GradientTransformation):
        return OptaxOptimizer(identifier)
    if isinstance(identifier, str):
        return _named(identifier)
    found = deserialize(identifier) if isinstance(identifier, dict) else None
    if isinstance(found, Optimizer):
        return found
    raise ValueError(
        "Expected the name of an optimizer, its config, an Optimizer, or an optax transformation. "
        f"Received: {identifier!r}"
    )


def _named(name: str) -> Any:
    found = OPTIMIZERS.get(name.lower()) or get_registered_object(name)
    if found is not None:
        return found()
    names = {key: cls.__name__ for key, cls in OPTIMIZERS.items()}
    near = [names[key] for key in difflib.get_close_matches(name.lower(), names, cutoff=0.5)]
    hint = f" The nearest names are: {', '.join(map(repr, near))}." if near else ""
    raise ValueError(f"Expected the name of a known optimizer.{hint} Received: {name!r}")
