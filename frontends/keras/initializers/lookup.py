"""`keras.initializers.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.initializers.constant_initializers import Constant, Identity, Ones, Zeros
from graphc.keras.initializers.initializer import Initializer
from graphc.keras.initializers.named_objects import NamedObjects, by_both_names
from graphc.keras.initializers.random_initializers import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from graphc.keras.initializers.stft import STFT
from graphc.keras.initializers.variance_scaling import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from graphc.keras.saving import serialize_keras_object

ALIASES = {
    "IdentityInitializer": Identity,
    "OrthogonalInitializer": Orthogonal,
    "STFTInitializer": STFT,
    "normal": RandomNormal,
    "uniform": RandomUniform,
    "one": Ones,
    "zero": Zeros,
}

INITIALIZERS = NamedObjects(
    "initializer",
    "keras.initializers",
    by_both_names(
        (
            Initializer,
            Constant,
            GlorotNormal,
            GlorotUniform,
            HeNormal,
            HeUniform,
            Identity,
            LecunNormal,
            LecunUniform,
            Ones,
            Orthogonal,
            RandomNormal,
            RandomUniform,
            STFT,
            TruncatedNormal,
            VarianceScaling,
            Zeros,
        )
    )
    | ALIASES,
)


def serialize(initializer: Any) -> Any:
    """Return the config that `deserialize` turns back into the initializer."""
    return serialize_keras_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return the initializer that a name or a config describes."""
    return INITIALIZERS.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Return the initializer for a name, a config, a class, a callable or an array; None stays.

    An array stands for itself as the initial value.

    Raises:
        ValueError: the name is unknown, or the identifier is none of these.
    """
    if isinstance(identifier, (jax.Array, np.ndarray, np.generic)):
        return _array_initializer(identifier)
    return INITIALIZERS.get(identifier)


def _array_initializer(value: Any) -> Callable[..., Any]:
    def initialize(shape: Sequence[int], dtype: str | None = None) -> Any:
        if tuple(shape) != tuple(value.shape):
            raise ValueError(
                f"Expected the shape of the array given as the initializer, {tuple(value.shape)}. "
                f"Received: shape={tuple(shape)}"
            )
        return ops.cast(value, dtype or floatx())

    return initialize
