"""`keras.activations.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.activations.activations import FUNCTIONS, hard_silu, linear, silu
from graphc.keras.initializers.named_objects import NamedObjects
from graphc.keras.saving import serialize_keras_object

ACTIVATIONS = NamedObjects(
    "activation function",
    "keras.activations",
    {function.__name__: function for function in FUNCTIONS}
    | {"swish": silu, "hard_swish": hard_silu},
)


def serialize(activation: Any) -> Any:
    """Return the name of a known activation, and the config of any other callable."""
    if activation in FUNCTIONS:
        return activation.__name__
    return serialize_keras_object(activation)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the activation that a name or a config describes."""
    return ACTIVATIONS.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any]:
    """Return the activation for a name, a config or a callable; None gives `linear`.

    Raises:
        ValueError: the name is unknown (the nearest are listed), or the identifier is none of
            these.
    """
    found = ACTIVATIONS.get(identifier)
    return linear if found is None else found
