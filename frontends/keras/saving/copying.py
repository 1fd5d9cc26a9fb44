"""Copies of layers and models, for `copy.deepcopy` and `pickle`: configuration, weights, optimizer.

Custom classes and functions travel as themselves, so that neither needs to be registered.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.engine.lookups import LOOKUPS
from graphc.keras.saving.contexts import carrying
from graphc.keras.saving.serialization import deserialize_keras_object, serialize_keras_object


def reduced(layer: Any) -> tuple[Any, ...]:
    """Return the function and the arguments that `copy` and `pickle` make an equal one from.

    Raises:
        NotImplementedError: a class inside has no configuration.
    """
    with carrying() as carried:
        entry = serialize_keras_object(layer)
    if layer.weights and "build_config" not in entry and not hasattr(layer, "compile"):
        # built by hand: only the attributes themselves know how
        return _blank, (type(layer),), dict(vars(layer))
    optimizer = getattr(layer, "optimizer", None)
    slots = optimizer.variables if optimizer is not None and optimizer.built else []
    return restored, (entry, carried, _values(layer.variables), _values(slots))


def _blank(cls: Any) -> Any:
    return cls.__new__(cls)


def _values(variables: list[Any]) -> list[np.ndarray]:
    return [np.array(variable.stored) for variable in variables]


def restored(
    entry: dict[str, Any],
    carried: dict[str, Any],
    weights: list[np.ndarray],
    slots: list[np.ndarray],
) -> Any:
    """Return the layer or model that `reduced` took apart.

    Raises:
        ValueError: its configuration does not lead to the same variables.
    """
    layer = deserialize_keras_object(entry, custom_objects=carried, safe_mode=False)
    _assign(layer, layer.variables, weights)
    if slots:
        _assign(layer, layer.optimizer.variables, slots)
    return layer


def _assign(layer: Any, variables: list[Any], values: list[np.ndarray]) -> None:
    if len(variables) != len(values):
        raise ValueError(
            f"A copy of '{layer.name}' made from its configuration has {len(variables)} variables "
            f"where the original has {len(values)}. Expected {type(layer).__name__}.get_config() "
            "to hold all that its variables depend on, and `get_build_config()` the shapes."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


LOOKUPS["reduce"] = reduced
