"""`keras.regularizers.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.initializers.named_objects import NamedObjects, by_both_names
from graphc.keras.regularizers.regularizers import (
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    Regularizer,
)
from graphc.keras.saving import serialize_keras_object

REGULARIZERS = NamedObjects(
    "regularizer",
    "keras.regularizers",
    by_both_names((L1, L1L2, L2, OrthogonalRegularizer, Regularizer)) | {"l1_l2": L1L2},
)


def serialize(regularizer: Any) -> Any:
    """Return the config that `deserialize` turns back into the regularizer."""
    return serialize_keras_object(regularizer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the regularizer that a name or a config describes."""
    return REGULARIZERS.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[[Any], Any] | None:
    """Return the regularizer for a name, a config, a class or a callable; None stays None.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.
    """
    return REGULARIZERS.get(identifier)
