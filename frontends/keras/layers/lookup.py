"""Layers from configurations and back."""

from __future__ import annotations

from typing import Any

from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


def serialize(layer: Any) -> dict[str, Any]:
    """Return a layer's configuration."""
    return serialize_keras_object(layer)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Make a layer from its configuration.

    Raises:
        ValueError: the configuration describes something else, or an unknown class.
    """
    return deserialize_keras_object(config, custom_objects)
