"""`keras.losses.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphc.keras.initializers.named_objects import NamedObjects
from graphc.keras.losses.crossentropy import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    sparse_categorical_crossentropy,
)
from graphc.keras.losses.crossentropy_losses import (
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    SparseCategoricalCrossentropy,
)
from graphc.keras.losses.distribution import (
    Dice,
    KLDivergence,
    Poisson,
    Tversky,
    dice,
    kl_divergence,
    poisson,
    tversky,
)
from graphc.keras.losses.hinge import (
    CategoricalHinge,
    Hinge,
    SquaredHinge,
    categorical_hinge,
    hinge,
    squared_hinge,
)
from graphc.keras.losses.loss import Loss, LossFunctionWrapper
from graphc.keras.losses.regression import (
    CosineSimilarity,
    Huber,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from graphc.keras.losses.sequences import CTC, ctc
from graphc.keras.losses.similarity import Circle, circle
from graphc.keras.saving import serialize_keras_object

CLASSES = (
    Loss,
    LossFunctionWrapper,
    BinaryCrossentropy,
    BinaryFocalCrossentropy,
    CategoricalCrossentropy,
    CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy,
    CategoricalHinge,
    Circle,
    CosineSimilarity,
    CTC,
    Dice,
    Hinge,
    Huber,
    KLDivergence,
    LogCosh,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
    Tversky,
)

FUNCTIONS = (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_generalized_cross_entropy,
    categorical_hinge,
    circle,
    cosine_similarity,
    ctc,
    dice,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
    tversky,
)

ALIASES = {
    "bce": binary_crossentropy,
    "kld": kl_divergence,
    "kullback_leibler_divergence": kl_divergence,
    "logcosh": log_cosh,
    "mae": mean_absolute_error,
    "mape": mean_absolute_percentage_error,
    "mse": mean_squared_error,
    "msle": mean_squared_logarithmic_error,
}
CAPITALS = {name.upper(): ALIASES[name] for name in ("bce", "kld", "mae", "mape", "mse", "msle")}

LOSSES = NamedObjects(
    "loss",
    "keras.losses",
    {item.__name__: item for item in (*CLASSES, *FUNCTIONS)} | ALIASES | CAPITALS,
)


def serialize(loss: Any) -> Any:
    """Return the config that `deserialize` turns back into the loss."""
    return serialize_keras_object(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss function, class or object that a name or a config describes."""
    return LOSSES.deserialize(name, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Return the loss for a name, a config, a class, a function or an object; None stays None.

    Raises:
        ValueError: the name is unknown (the nearest names are listed), or it is none of these.
    """
    return LOSSES.get(identifier)
