"""`keras.optimizers.schedules.serialize` and `deserialize`."""

from __future__ import annotations

from typing import Any

from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


def serialize(learning_rate_schedule: Any) -> Any:
    """Return the config that `deserialize` turns back into the schedule."""
    return serialize_keras_object(learning_rate_schedule)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the schedule that a config describes."""
    return deserialize_keras_object(config, custom_objects=custom_objects)
