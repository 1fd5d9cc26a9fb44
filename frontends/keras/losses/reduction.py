"""How per-sample losses become one number: ranks, weights, masks and the reductions of Keras."""

from __future__ import annotations

import functools
from typing import Any

from graphc.keras import ops

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def check_reduction(reduction: str | None) -> str | None:
    """Return `reduction` if Keras knows it.

    Raises:
        ValueError: it is none of `REDUCTIONS`.
    """
    if reduction in REDUCTIONS:
        return reduction
    raise ValueError(
        f"Invalid value for argument `reduction`. Expected one of {REDUCTIONS}. "
        f"Received: reduction={reduction!r}"
    )


def squeeze_or_expand_to_same_rank(x1: Any, x2: Any, expand_rank_1: bool = True) -> tuple[Any, Any]:
    """Return both tensors with equal rank where only a last axis of size 1 differs.

    Against a vector the vector grows (unless `expand_rank_1` is False), else the last axis goes.
    """
    difference = len(x1.shape) - len(x2.shape)
    if difference == 1:
        return _meet(x1, x2, expand_rank_1)
    if difference == -1:
        x2, x1 = _meet(x2, x1, expand_rank_1)
    return x1, x2


def _meet(longer: Any, shorter: Any, expand_rank_1: bool) -> tuple[Any, Any]:
    if longer.shape[-1] != 1:
        return longer, shorter
    if len(shorter.shape) == 1 and expand_rank_1:
        return longer, ops.expand_dims(shorter, axis=-1)
    return ops.squeeze(longer, axis=-1), shorter


def align_leading(weights: Any, values: Any) -> Any:
    """Return `weights` with trailing axes of size 1 where it covers the leading axes of `values`.

    [B] over [B, T] becomes [B, 1]. Weights that do not start with the batch axis stay, and
    broadcast from the right as in NumPy.
    """
    rank = len(weights.shape)
    missing = len(values.shape) - rank
    if missing <= 0 or rank == 0 or weights.shape[0] != values.shape[0]:
        return weights
    leading = zip(weights.shape, values.shape, strict=False)
    if not all(size in (1, wanted) for size, wanted in leading):
        return weights
    for _ in range(missing):
        weights = ops.expand_dims(weights, axis=-1)
    return weights


def combine_masks(*masks: Any) -> Any:
    """Return the float32 product of the masks that are not None, batch axes aligned, or None."""
    present = [ops.cast(mask, "float32") for mask in masks if mask is not None]
    return functools.reduce(_aligned_product, present) if present else None


def _aligned_product(mask1: Any, mask2: Any) -> Any:
    return align_leading(mask1, mask2) * align_leading(mask2, mask1)


def weighted_reduction(
    values: Any,
    sample_weight: Any = None,
    mask: Any = None,
    reduction: str | None = "sum_over_batch_size",
) -> Any:
    """Return the reduced loss: over the entries where `mask` is one, exactly.

    Args:
        values: losses [B, ...].
        sample_weight: None, a scalar, [B], or anything that broadcasts against `values`.
        mask: None, or booleans or zeros and ones [B] or of the rank of `values`. With a mask, the
            averages divide by the number of unmasked entries, so that padded rows count for
            nothing. The last step before each sum is the product with the mask: rows where it is
            zero provably contribute exact zeros.
        reduction: one of `REDUCTIONS`.

    Raises:
        ValueError: an unknown reduction, or weights or a mask that do not fit `values`.
    """
    check_reduction(reduction)
    values, sample_weight = _weigh(values, sample_weight, "sample_weight")
    values, mask = _weigh(values, mask, "mask")
    if reduction in (None, "none") or tuple(values.shape) in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and sample_weight is not None:
        weights = sample_weight if mask is None else sample_weight * mask
        return ops.divide_no_nan(ops.sum(values), ops.sum(weights))
    if mask is None:
        return ops.mean(values)
    count = ops.sum(ops.broadcast_to(mask, values.shape))
    return ops.divide_no_nan(ops.sum(values), count)


def _weigh(values: Any, factor: Any, name: str) -> tuple[Any, Any]:
    if factor is None:
        return values, None
    factor = ops.cast(ops.convert_to_tensor(factor), values.dtype)
    values, factor = squeeze_or_expand_to_same_rank(values, factor)
    factor = align_leading(factor, values)
    if not broadcastable(values.shape, factor.shape):
        raise ValueError(
            f"Expected a `{name}` that broadcasts against losses of shape {tuple(values.shape)}. "
            f"Received: {name}.shape={tuple(factor.shape)}"
        )
    return values * factor, factor


def broadcastable(shape1: Any, shape2: Any) -> bool:
    """Say whether two shapes broadcast; an unknown dimension (None) fits any other."""
    pairs = zip(reversed(tuple(shape1)), reversed(tuple(shape2)), strict=False)
    return all(a == b or 1 in (a, b) or None in (a, b) for a, b in pairs)
