"""`keras.constraints.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.constraints.constraints import (
    Constraint,
    MaxNorm,
    MinMaxNorm,
    NonNeg,
    UnitNorm,
)
from graphc.keras.initializers.named_objects import NamedObjects, by_both_names
from graphc.keras.saving import serialize_keras_object

CONSTRAINTS = NamedObjects(
    "constraint",
    "keras.constraints",
    by_both_names((Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm)),
)


def serialize(constraint: Any) -> Any:
    """Return the config that `deserialize` turns back into the constraint."""
    return serialize_keras_object(constraint)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the constraint that a name or a config describes."""
    return CONSTRAINTS.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """Return the constraint for a name, a config, a class or a callable; None stays None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.
    """
    return CONSTRAINTS.get(identifier)
