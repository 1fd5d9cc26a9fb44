"""Metrics that average or sum values over samples: `Mean`, `Sum`, and functions as metrics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from graphc.keras import ops
from graphc.keras.engine.masks import get_mask
from graphc.keras.engine.opaque import open_or_opaque
from graphc.keras.losses import Loss
from graphc.keras.losses.lookup import CLASSES, FUNCTIONS
from graphc.keras.losses.reduction import (
    align_leading,
    squeeze_or_expand_to_same_rank,
)
from graphc.keras.metrics.metric import Metric
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


def samplewise(
    values: Any, sample_weight: Any, reduce: Callable[..., Any], dtype: str
) -> tuple[Any, Any]:
    """Return weighted values [B] (or a scalar) and their weights, each reduced over inner axes.

    Weights of lower rank than the values weigh the values already reduced to that rank.
    """
    mask = get_mask(values)
    values = ops.cast(ops.convert_to_tensor(values), dtype)
    if sample_weight is not None:
        sample_weight = masked_weight(sample_weight, mask, dtype)
        values, sample_weight = squeeze_or_expand_to_same_rank(values, sample_weight)
        rank = len(sample_weight.shape)
        values = _reduced_from(values, rank, reduce)
        sample_weight = ops.broadcast_to(sample_weight, values.shape)
        values = values * sample_weight
        sample_weight = _reduced_from(sample_weight, 1, reduce)
    return _reduced_from(values, 1, reduce), sample_weight


def _reduced_from(x: Any, axis: int, reduce: Callable[..., Any]) -> Any:
    axes = tuple(range(axis, len(x.shape)))
    return reduce(x, axis=axes) if axes else x


def masked_weight(sample_weight: Any, mask: Any, dtype: str) -> Any:
    """Return the weights, zero where the mask is; the mask itself where there are no weights."""
    if sample_weight is None:
        return None if mask is None else ops.cast(mask, dtype)
    sample_weight = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    if mask is None:
        return sample_weight
    mask, sample_weight = squeeze_or_expand_to_same_rank(ops.cast(mask, dtype), sample_weight)
    return align_leading(sample_weight, mask) * align_leading(mask, sample_weight)


class Sum(Metric):
    """The weighted sum of all values."""

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values [B, ...], weighted."""
        values, _ = samplewise(values, sample_weight, ops.sum, self.dtype)
        self.total.assign_add(ops.sum(values))

    def result(self) -> Any:
        """Return the sum."""
        return ops.cast(self.total, self.dtype)


class Mean(Metric):
    """The weighted mean of all values."""

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", self.dtype, name="total")
        self.count = self.add_variable((), "zeros", self.dtype, name="count")

    def update_state(self, values: Any, sample_weight: Any = None, *, valid: Any = None) -> None:
        """Add values.

        Args:
            values: [B, ...]; averaged over all axes but the first. A scalar counts as one sample.
            sample_weight: None, a scalar, [B], or weights for the inner axes too.
            valid: None, or one for each real row and zero for each row of padding [B]: rows of
                padding count for nothing.
        """
        values, weight = samplewise(values, sample_weight, ops.mean, self.dtype)
        if valid is not None and len(values.shape) == 1:
            valid = ops.cast(valid, self.dtype)
            values = values * valid
            weight = valid if weight is None else weight * valid
        self.total.assign_add(ops.sum(values))
        self.count.assign_add(_number_of(values) if weight is None else ops.sum(weight))

    def result(self) -> Any:
        """Return the mean, zero when nothing was seen."""
        return ops.divide_no_nan(self.total, self.count)


def _number_of(values: Any) -> Any:
    return float(values.shape[0]) if values.shape else 1.0


class MeanMetricWrapper(Mean):
    """The mean of what `fn(y_true, y_pred, **kwargs)` computes for each sample.

    A function (or `Loss` object) that reduces over the batch itself gives a scalar: then every
    batch counts as one sample.
    """

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if fn in FUNCTIONS or type(fn) in CLASSES:
            self._direction = "down"

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, *, valid: Any = None
    ) -> None:
        """Add one batch.

        Args:
            y_true: targets [B, ...].
            y_pred: predictions [B, ...]; a `_keras_mask` on them leaves entries out.
            sample_weight: None, a scalar, [B], or weights for the inner axes too.
            valid: None, or one for each real row and zero for each row of padding [B].
        """
        if isinstance(self._fn, Loss):  # which applies the mask of `y_pred` itself
            mask, values = None, self._fn(y_true, y_pred, mask=valid, **self._fn_kwargs)
        else:
            mask = get_mask(y_pred)
            values = open_or_opaque(self._fn, (y_true, y_pred), self._fn_kwargs, (), self.name)
        weight = masked_weight(sample_weight, mask, self.dtype)
        if weight is not None and len(weight.shape) and not len(values.shape):
            raise ValueError(
                f"The metric {self.name!r} returns one number for a whole batch, so samples "
                "cannot be weighted or masked. Expected one value for each sample. "
                f"Received: weights of shape {tuple(weight.shape)}"
            )
        super().update_state(values, weight, valid=valid)

    def get_config(self) -> dict[str, Any]:
        """Return name, dtype, the function and its keyword arguments."""
        config = super().get_config() | {"fn": serialize_keras_object(self._fn)}
        return config | serialize_keras_object(self._fn_kwargs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build from `get_config()`, whose function may be serialized."""
        return cls(**(deserialize_keras_object(config) if "fn" in config else config))


class NamedFunctionMetric(MeanMetricWrapper):
    """A built-in metric: its class stands for the function, so its config holds only arguments."""

    def __init__(
        self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        direction = self._direction
        super().__init__(fn, name, dtype, **kwargs)
        self._direction = direction

    def get_config(self) -> dict[str, Any]:
        """Return name, dtype and the arguments of the function."""
        return Metric.get_config(self) | self._fn_kwargs
