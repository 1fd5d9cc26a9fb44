"""Metrics for regression."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.losses import cosine_similarity as negative_cosine_similarity
from graphc.keras.losses import (
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)
from graphc.keras.losses.pairing import paired
from graphc.keras.metrics.metric import Metric
from graphc.keras.metrics.reduction import Mean, NamedFunctionMetric

AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return the cosine of the angle between targets and predictions along `axis`."""
    return -negative_cosine_similarity(y_true, y_pred, axis=axis)


class MeanSquaredError(NamedFunctionMetric):
    """The mean squared error."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(NamedFunctionMetric):
    """The mean absolute error."""

    _direction = "down"

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(NamedFunctionMetric):
    """The mean absolute error in percent of the targets."""

    _direction = "down"

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(NamedFunctionMetric):
    """The mean squared difference of log(1 + value)."""

    _direction = "down"

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(NamedFunctionMetric):
    """The mean logarithm of the hyperbolic cosine of the errors."""

    _direction = "down"

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(log_cosh, name, dtype)


class CosineSimilarity(NamedFunctionMetric):
    """The mean cosine of the angle between targets and predictions: 1 for the same direction."""

    _direction = "up"

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(cosine_similarity, name, dtype, axis=axis)


class RootMeanSquaredError(Mean):
    """The square root of the mean squared error."""

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, valid: Any = None
    ) -> None:
        """Add one batch of targets and predictions [B, ...]; see `Mean.update_state`."""
        y_true, y_pred = paired(y_true, y_pred)
        error = ops.square(ops.cast(y_pred, self.dtype) - ops.cast(y_true, self.dtype))
        super().update_state(error, sample_weight, valid=valid)

    def result(self) -> Any:
        """Return the root of the mean."""
        return ops.sqrt(super().result())


class R2Score(Metric):
    """The coefficient of determination: the share of the targets' variance that is explained.

    Args:
        class_aggregation: how several outputs become one number: "uniform_average",
            "variance_weighted_average", or None for one number each.
        num_regressors: above zero, the adjusted score for that many independent regressors.

    Raises:
        ValueError: an unknown aggregation, or a negative number of regressors.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in AGGREGATIONS:
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of "
                f"{AGGREGATIONS}. Received: class_aggregation={class_aggregation!r}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), name="num_samples")
        self._built = False

    def _build(self, y_true: Any, y_pred: Any) -> None:
        check_matrices("R2Score", y_true, y_pred)
        shape = (y_pred.shape[-1],)
        self.squared_sum = self.add_variable(shape, name="squared_sum")
        self.sum = self.add_variable(shape, name="sum")
        self.total_mse = self.add_variable(shape, name="residual")
        self.count = self.add_variable(shape, name="count")
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of targets and predictions [B, D], weighted by [B] or [B, D].

        Entries of weight zero do not count as samples.
        """
        y_true, y_pred = paired(y_true, ops.cast(ops.convert_to_tensor(y_pred), self.dtype))
        if not self._built:
            self._build(y_true, y_pred)
        weight = ops.convert_to_tensor(1.0 if sample_weight is None else sample_weight)
        weight = ops.cast(weight, self.dtype)
        weight = ops.expand_dims(weight, -1) if len(weight.shape) == 1 else weight
        weight = ops.broadcast_to(weight, y_true.shape)
        weighted = y_true * weight
        self.sum.assign_add(ops.sum(weighted, axis=0))
        self.squared_sum.assign_add(ops.sum(y_true * weighted, axis=0))
        self.total_mse.assign_add(ops.sum(ops.square(y_true - y_pred) * weight, axis=0))
        self.count.assign_add(ops.sum(weight, axis=0))
        self.num_samples.assign_add(ops.sum(ops.sign(ops.abs(weight))))

    def result(self) -> Any:
        """Return the score, a scalar or (without aggregation) [D]."""
        mean = self.sum / self.count
        total = self.squared_sum - self.sum * mean
        scores = 1 - self.total_mse / total
        scores = self._aggregated(ops.where(ops.isinf(scores), 0.0, scores), total)
        if self.num_regressors == 0:
            return scores
        freedom = self.num_samples - self.num_regressors - 1.0
        adjusted = 1.0 - (1.0 - scores) * (self.num_samples - 1.0) / ops.maximum(freedom, 1e-7)
        # With no more samples than regressors the adjustment means nothing: the plain score.
        return ops.where(freedom > 0, adjusted, scores)

    def _aggregated(self, scores: Any, total: Any) -> Any:
        if self.class_aggregation == "uniform_average":
            return ops.mean(scores)
        if self.class_aggregation == "variance_weighted_average":
            return ops.sum(total * scores) / ops.sum(total)
        return scores

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {
            "class_aggregation": self.class_aggregation,
            "num_regressors": self.num_regressors,
        }


def check_matrices(name: str, y_true: Any, y_pred: Any) -> None:
    """Check that both are matrices with a known number of columns.

    Raises:
        ValueError: they are not.
    """
    shapes = (tuple(y_true.shape), tuple(y_pred.shape))
    if all(len(shape) == 2 and shape[-1] is not None for shape in shapes):
        return
    raise ValueError(
        f"{name} expects targets and predictions of shape (batch_size, output_dim) with a known "
        f"output_dim. Received: y_true.shape={shapes[0]}, y_pred.shape={shapes[1]}"
    )
