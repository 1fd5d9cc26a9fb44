"""Losses between distributions and sets: Kullback-Leibler, Poisson, Dice, Tversky."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.losses.loss import NamedFunctionLoss
from graphc.keras.losses.pairing import paired, same_dtype


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return the sum over the last axis of y_true * log(y_true / y_pred): [B, C] to [B]."""
    y_true, y_pred = same_dtype(y_true, y_pred)
    y_true = ops.clip(y_true, epsilon(), 1)
    y_pred = ops.clip(y_pred, epsilon(), 1)
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of y_pred - y_true * log(y_pred): [B, D] to [B]."""
    y_true, y_pred = paired(y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), axis=-1)


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """Return one minus the Dice overlap, summed over `axis` (None: over the whole batch).

    Source: Milletari et al., "V-Net", 2016, with sums in place of squares.
    """
    y_true, y_pred = same_dtype(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    total = ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis)
    return 1 - 2.0 * overlap / (total + epsilon())


def tversky(
    y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None
) -> Any:
    """Return one minus the Tversky index, summed over `axis` (None: over the whole batch).

    `alpha` weighs what is in the targets alone, `beta` what is in the predictions alone.
    Source: Salehi et al., "Tversky loss function for image segmentation", 2017.
    """
    y_true, y_pred = same_dtype(y_true, y_pred)
    overlap = ops.sum(y_true * y_pred, axis=axis)
    only_true = ops.sum((1 - y_pred) * y_true, axis=axis)
    only_pred = ops.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - overlap / (overlap + only_true * alpha + only_pred * beta + epsilon())


class KLDivergence(NamedFunctionLoss):
    """The Kullback-Leibler divergence of the predictions from the targets."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(kl_divergence, reduction, name, dtype)


class Poisson(NamedFunctionLoss):
    """The negative log-likelihood of Poisson counts, up to a constant."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(poisson, reduction, name, dtype)


class Dice(NamedFunctionLoss):
    """One minus the Dice overlap; with `axis=None` a single number for the whole batch."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dice, reduction, name, dtype, axis=axis)


class Tversky(NamedFunctionLoss):
    """One minus the Tversky index; with `axis=None` a single number for the whole batch."""

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis)
