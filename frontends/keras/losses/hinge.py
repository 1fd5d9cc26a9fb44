"""Hinge losses: for labels of -1 and 1 (0 and 1 are converted), and for one-hot labels."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.losses.loss import NamedFunctionLoss
from graphc.keras.losses.pairing import paired, same_dtype


def _signed(y_true: Any) -> Any:
    """Return 0/1 labels as -1/1; if the tensor holds anything else, it stays."""
    is_binary = ops.all(ops.logical_or(ops.equal(y_true, 0), ops.equal(y_true, 1)))
    return ops.where(is_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of max(1 - y_true * y_pred, 0): [B, D] to [B]."""
    y_true, y_pred = paired(y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of max(1 - y_true * y_pred, 0)^2: [B, D] to [B]."""
    y_true, y_pred = paired(y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signed(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return max(best wrong score - right score + 1, 0) for one-hot targets: [B, C] to [B]."""
    y_true, y_pred = same_dtype(y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class Hinge(NamedFunctionLoss):
    """The mean of max(1 - y_true * y_pred, 0)."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(hinge, reduction, name, dtype)


class SquaredHinge(NamedFunctionLoss):
    """The mean of max(1 - y_true * y_pred, 0)^2."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(squared_hinge, reduction, name, dtype)


class CategoricalHinge(NamedFunctionLoss):
    """The hinge of the right class's score against the best wrong one, for one-hot targets."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(categorical_hinge, reduction, name, dtype)
