"""`keras.metrics.get`, `serialize` and `deserialize`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphc.keras.initializers.named_objects import NamedObjects, by_both_names
from graphc.keras.metrics.accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    SparseTopKCategoricalAccuracy,
    TopKCategoricalAccuracy,
)
from graphc.keras.metrics.auc import AUC
from graphc.keras.metrics.confusion import (
    FalseNegatives,
    FalsePositives,
    Precision,
    PrecisionAtRecall,
    Recall,
    RecallAtPrecision,
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    TrueNegatives,
    TruePositives,
)
from graphc.keras.metrics.correlation import ConcordanceCorrelation, PearsonCorrelation
from graphc.keras.metrics.f_score import F1Score, FBetaScore
from graphc.keras.metrics.iou import BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU
from graphc.keras.metrics.metric import Metric
from graphc.keras.metrics.probabilistic import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    CategoricalHinge,
    Hinge,
    KLDivergence,
    Poisson,
    SparseCategoricalCrossentropy,
    SquaredHinge,
)
from graphc.keras.metrics.reduction import Mean, MeanMetricWrapper, Sum
from graphc.keras.metrics.regression import (
    CosineSimilarity,
    LogCoshError,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    R2Score,
    RootMeanSquaredError,
)
from graphc.keras.saving import serialize_keras_object

CLASSES = (
    AUC,
    Accuracy,
    BinaryAccuracy,
    BinaryCrossentropy,
    BinaryIoU,
    CategoricalAccuracy,
    CategoricalCrossentropy,
    CategoricalHinge,
    ConcordanceCorrelation,
    CosineSimilarity,
    F1Score,
    FBetaScore,
    FalseNegatives,
    FalsePositives,
    Hinge,
    IoU,
    KLDivergence,
    LogCoshError,
    Mean,
    MeanAbsoluteError,
    MeanAbsolutePercentageError,
    MeanIoU,
    MeanMetricWrapper,
    MeanSquaredError,
    MeanSquaredLogarithmicError,
    Metric,
    OneHotIoU,
    OneHotMeanIoU,
    PearsonCorrelation,
    Poisson,
    Precision,
    PrecisionAtRecall,
    R2Score,
    Recall,
    RecallAtPrecision,
    RootMeanSquaredError,
    SensitivityAtSpecificity,
    SparseCategoricalAccuracy,
    SparseCategoricalCrossentropy,
    SparseTopKCategoricalAccuracy,
    SpecificityAtSensitivity,
    SquaredHinge,
    Sum,
    TopKCategoricalAccuracy,
    TrueNegatives,
    TruePositives,
)

# `compile` resolves "acc", "accuracy", "ce" and "crossentropy" by the shapes of the output.
ALIASES = {
    "acc": Accuracy,
    "bce": BinaryCrossentropy,
    "ce": CategoricalCrossentropy,
    "crossentropy": CategoricalCrossentropy,
    "kld": KLDivergence,
    "logcosh": LogCoshError,
    "mae": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mse": MeanSquaredError,
    "msle": MeanSquaredLogarithmicError,
}
CAPITALS = {name.upper(): ALIASES[name] for name in ("bce", "kld", "mae", "mape", "mse", "msle")}

METRICS = NamedObjects("metric", "keras.metrics", by_both_names(CLASSES) | ALIASES | CAPITALS)


def serialize(metric: Any) -> Any:
    """Return the config that `deserialize` turns back into the metric."""
    return serialize_keras_object(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the metric that a name or a config describes."""
    return METRICS.deserialize(config, custom_objects)


def get(identifier: Any) -> Callable[..., Any] | None:
    """Return the metric for a name, a config, a class, a function or an object; None stays None.

    Raises:
        ValueError: the name is unknown (the nearest names are listed), or it is none of these.
    """
    return METRICS.get(identifier)
