"""Quantizers from names and configurations."""

from __future__ import annotations

import inspect
from typing import Any

from graphc.keras.engine.settings import to_snake_case
from graphc.keras.quantizers.configurations import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
)
from graphc.keras.quantizers.quantizer import AbsMaxQuantizer, Quantizer
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

CLASSES = (
    AWQConfig, AbsMaxQuantizer, Float8QuantizationConfig, GPTQConfig, Int4QuantizationConfig,
    Int8QuantizationConfig, QuantizationConfig, Quantizer,
)  # fmt: skip
QUANTIZERS = {cls.__name__: cls for cls in CLASSES} | {
    to_snake_case(cls.__name__): cls for cls in CLASSES
}


def serialize(initializer: Any) -> Any:
    """Return a quantizer as plain data."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the quantizer that `serialize` described."""
    return deserialize_keras_object(config, {**QUANTIZERS, **(custom_objects or {})})


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return a quantizer for one, its class, its name (in either case) or its configuration.

    Args:
        identifier: None gives None.
        kwargs: arguments of the class.

    Raises:
        ValueError: it stands for none.
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict):
        return deserialize(identifier)
    found = QUANTIZERS.get(identifier) if isinstance(identifier, str) else identifier
    if inspect.isclass(found):
        return found(**kwargs)
    if not callable(found):
        raise ValueError(
            f"Expected a quantizer, its class, its configuration or one of {sorted(QUANTIZERS)}. "
            f"Received: {identifier}"
        )
    return found
