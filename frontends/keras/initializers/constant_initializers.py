"""Initializers that draw nothing: a constant, or the identity matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.initializers.initializer import Initializer
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return zeros of the given shape."""
        return np.zeros(shape, dtype or floatx())


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return ones of the given shape."""
        return np.ones(shape, dtype or floatx())


class Constant(Initializer):
    """Every element is `value`, a Python scalar (or anything that broadcasts to the shape)."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return `value` broadcast to the given shape."""
        dtype = dtype or floatx()
        return ops.broadcast_to(ops.convert_to_tensor(self.value, dtype=dtype), shape)

    def get_config(self) -> dict[str, Any]:
        """Return the value."""
        return {"value": serialize_keras_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`."""
        return cls(deserialize_keras_object(config["value"]))


class Identity(Initializer):
    """The identity matrix times `gain`; for matrices only."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return `gain` on the main diagonal and zeros elsewhere.

        Raises:
            ValueError: the shape is not that of a matrix.
        """
        if len(shape) != 2:
            raise ValueError(
                "The identity initializer makes matrices only: expected a shape of rank 2. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        return self.gain * ops.eye(*shape, dtype=dtype or floatx())

    def get_config(self) -> dict[str, Any]:
        """Return the gain."""
        return {"gain": self.gain}
