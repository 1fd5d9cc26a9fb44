"""Accuracies: the share of predictions that are right."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.losses.loss import as_array_if_numbers
from graphc.keras.losses.pairing import paired
from graphc.keras.losses.reduction import squeeze_or_expand_to_same_rank
from graphc.keras.metrics.reduction import NamedFunctionMetric


def _tensors(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    y_true, y_pred = as_array_if_numbers(y_true), as_array_if_numbers(y_pred)
    return ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)


def accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1.0 where targets equal predictions exactly, else 0.0."""
    return ops.cast(ops.equal(*paired(y_true, y_pred)), floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Any:
    """Return 1.0 where 0/1 targets equal `y_pred > threshold`, else 0.0: shaped like `y_pred`."""
    y_true, y_pred = squeeze_or_expand_to_same_rank(*_tensors(y_true, y_pred))
    said = ops.cast(ops.greater(y_pred, threshold), y_true.dtype)
    return ops.cast(ops.equal(y_true, said), floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1.0 where one-hot targets and scores peak at one class: [B, ..., C] to [B, ...]."""
    y_true, y_pred = _tensors(y_true, y_pred)
    right = ops.equal(ops.argmax(y_true, axis=-1), ops.argmax(y_pred, axis=-1))
    return ops.cast(right, floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Any:
    """Return 1.0 where scores [B, ..., C] peak at the target [B, ...] or [B, ..., 1]."""
    y_true, y_pred = _tensors(y_true, y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, -1)
    right = ops.cast(ops.equal(y_true, ops.argmax(y_pred, axis=-1)), floatx())
    if len(right.shape) > 1 and right.shape[-1] == 1:
        right = ops.squeeze(right, -1)
    return right


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Any:
    """Return 1.0 where the class of one-hot targets is among the `k` best scores, else 0.0."""
    y_true, y_pred = _tensors(y_true, y_pred)
    return _in_top_k(ops.argmax(y_true, axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> Any:
    """Return 1.0 where the target [B, ...] is among the `k` best scores [B, ..., C], else 0.0.

    With `from_sorted_ids` the predictions are class indices, best first.
    """
    y_true, y_pred = _tensors(y_true, y_pred)
    if not from_sorted_ids:
        return _in_top_k(y_true, y_pred, k)
    found = ops.equal(ops.expand_dims(y_true, -1), y_pred[..., :k])
    return ops.cast(ops.any(found, axis=-1), floatx())


def _in_top_k(labels: Any, y_pred: Any, k: int) -> Any:
    shape = labels.shape
    if len(y_pred.shape) > 2:
        y_pred = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    flat = ops.reshape(labels, (-1,)) if len(shape) > 1 else labels
    found = ops.cast(ops.in_top_k(ops.cast(flat, "int32"), y_pred, k=k), floatx())
    return ops.reshape(found, shape) if len(shape) > 1 else found


class Accuracy(NamedFunctionMetric):
    """How often predictions equal targets exactly."""

    _direction = "up"

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(accuracy, name, dtype)


class BinaryAccuracy(NamedFunctionMetric):
    """How often predictions on the side of `threshold` equal 0/1 targets."""

    _direction = "up"

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


class CategoricalAccuracy(NamedFunctionMetric):
    """How often the best score is at the class of one-hot targets."""

    _direction = "up"

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name, dtype)


class SparseCategoricalAccuracy(NamedFunctionMetric):
    """How often the best score is at the class that integer targets name."""

    _direction = "up"

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name, dtype)


class TopKCategoricalAccuracy(NamedFunctionMetric):
    """How often the class of one-hot targets is among the `k` best scores."""

    _direction = "up"

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


class SparseTopKCategoricalAccuracy(NamedFunctionMetric):
    """How often the class that integer targets name is among the `k` best scores."""

    _direction = "up"

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def get_config(self) -> dict[str, Any]:
        """Return the arguments; `from_sorted_ids` only where it is set."""
        config = super().get_config()
        if not self.from_sorted_ids:
            del config["from_sorted_ids"]
        return config
