"""Whether more of a metric is better or worse, by its name."""

from __future__ import annotations

from typing import Any

from graphc import keras

BETTER_UP = {
    "AUC", "Accuracy", "BinaryAccuracy", "BinaryIoU", "CategoricalAccuracy", "F1Score",
    "FBetaScore", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "Precision", "PrecisionAtRecall",
    "R2Score", "Recall", "RecallAtPrecision", "SensitivityAtSpecificity",
    "SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "SpecificityAtSensitivity",
    "TopKCategoricalAccuracy", "TrueNegatives", "TruePositives",
}  # fmt: skip
BETTER_UP_NAMES = {
    "acc", "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy", "top_k_categorical_accuracy",
}  # fmt: skip
BETTER_DOWN_NAMES = {"loss", "crossentropy", "ce", "reconstruction", "kl"}


def infer_metric_direction(metric: Any) -> str | None:
    """Return "min" or "max" for a metric, a loss or a name of one in the logs; None if unknown."""
    if not isinstance(metric, str):
        name = getattr(metric, "__name__", type(metric).__name__)
        return _direction_of(name)
    name = metric.removeprefix("val_").removeprefix("weighted_")
    if name in BETTER_UP_NAMES or name in BETTER_DOWN_NAMES:
        return "max" if name in BETTER_UP_NAMES else "min"
    return _direction_of(name)


def _direction_of(name: str) -> str | None:
    known = _find(keras.metrics, name) or _find(keras.losses, name)
    if known is None:
        return None
    kind = known if isinstance(known, type) else type(known)
    names = {name, kind.__name__, getattr(known, "__name__", "")}
    return "max" if names & (BETTER_UP | BETTER_UP_NAMES) else "min"


def _find(module: Any, name: str) -> Any:
    try:
        return module.deserialize(name)
    except ValueError:  # the way in which Keras says that it knows no such name
        return getattr(module, name, None)
