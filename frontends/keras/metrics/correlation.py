"""Metrics of how far predictions go along with targets."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.losses.pairing import paired
from graphc.keras.metrics.reduction import NamedFunctionMetric


def pearson_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Any:
    """Return Pearson's correlation of targets and predictions along `axis`."""
    y_true, y_pred = paired(y_true, y_pred)
    return ops.mean(_standardized(y_true, axis) * _standardized(y_pred, axis), axis=axis)


def _standardized(x: Any, axis: Any) -> Any:
    centred = x - ops.mean(x, axis=axis, keepdims=True)
    return centred / ops.std(centred, axis=axis, keepdims=True)


def concordance_correlation(y_true: Any, y_pred: Any, axis: Any = -1) -> Any:
    """Return Lin's concordance correlation along `axis`: 1 where predictions equal targets.

    Source: Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", 1989.
    """
    y_true, y_pred = paired(y_true, y_pred)
    mean_true = ops.mean(y_true, axis=axis, keepdims=True)
    mean_pred = ops.mean(y_pred, axis=axis, keepdims=True)
    spread = sum(
        ops.var(x, axis=axis, keepdims=True) for x in (y_true - mean_true, y_pred - mean_pred)
    )
    common = (y_true - mean_pred) * (y_pred - mean_pred)
    total = spread + ops.square(mean_true - mean_pred) + epsilon()
    return ops.mean(2 * common / total, axis=axis)


class PearsonCorrelation(NamedFunctionMetric):
    """The mean of Pearson's correlations of targets and predictions along `axis`."""

    _direction = "up"

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: Any = -1
    ) -> None:
        self.axis = axis
        super().__init__(pearson_correlation, name, dtype, axis=axis)


class ConcordanceCorrelation(NamedFunctionMetric):
    """The mean of the concordance correlations of targets and predictions along `axis`."""

    _direction = "up"

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: Any = -1
    ) -> None:
        self.axis = axis
        super().__init__(concordance_correlation, name, dtype, axis=axis)
