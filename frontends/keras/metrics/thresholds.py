"""Counts of true and false positives and negatives at thresholds, the base of many metrics."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.losses.reduction import align_leading, squeeze_or_expand_to_same_rank

NEVER = -1e10  # the score of a class that is not among the best k
# Up to so many columns, comparing each score with each threshold is as fast as sorting scores into
# buckets, and keeps the rows of the batch apart.
FEW_COLUMNS = 32


class Counts(NamedTuple):
    """Weighted counts at each of T thresholds: [T], or [T, L] for each label."""

    true_positives: Any
    false_positives: Any
    true_negatives: Any
    false_negatives: Any


def parse_thresholds(thresholds: Any, default: float = 0.5) -> list[float]:
    """Return thresholds as a list, [default] for None.

    Raises:
        ValueError: one is not in [0, 1].
    """
    if thresholds is None:
        return [default]
    found = list(thresholds) if isinstance(thresholds, (list, tuple, np.ndarray)) else [thresholds]
    wrong = [t for t in found if t is None or t < 0 or t > 1]
    if wrong:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {wrong}")
    return found


def evenly_spaced(thresholds: Any) -> bool:
    """Say whether three or more thresholds divide [0, 1] into equal parts."""
    count = len(thresholds)
    return count >= 3 and bool(
        np.allclose(thresholds, np.linspace(0.0, 1.0, count), atol=2 * epsilon())
    )


def confusion_counts(
    y_true: Any,
    y_pred: Any,
    thresholds: Any,
    *,
    dtype: str,
    sample_weight: Any = None,
    top_k: int | None = None,
    class_id: int | None = None,
    multi_label: bool = False,
    label_weights: Any = None,
) -> Counts:
    """Return the counts of one batch; a prediction above a threshold is positive.

    Args:
        y_true: labels [B, ...], anything but zero is positive.
        y_pred: scores of the same shape, in [0, 1].
        thresholds: T numbers.
        dtype: the dtype of the counts.
        sample_weight: None, [B], or weights of the shape of `y_true`.
        top_k: only the best k scores of each row can be positive.
        class_id: count this column alone.
        multi_label: count each column by itself; scores are [B, L].
        label_weights: None or [L]: weights of the columns when they are counted together.
    """
    y_true = ops.cast(ops.convert_to_tensor(y_true), dtype)
    y_pred = ops.cast(ops.convert_to_tensor(y_pred), dtype)
    y_pred, y_true = squeeze_or_expand_to_same_rank(y_pred, y_true)
    weights = _entry_weights(sample_weight, y_true, dtype)
    if top_k is not None:
        y_pred = _keep_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred, weights = _one_class(y_true, y_pred, weights, class_id)
    if label_weights is not None:
        weights = _product(weights, ops.cast(label_weights, dtype))
    positive = ops.cast(ops.not_equal(y_true, 0), dtype)
    negative = 1.0 - positive
    if weights is not None:
        weights = ops.broadcast_to(weights, y_pred.shape)
        positive, negative = positive * weights, negative * weights
    tensors = (ops.reshape(x, _matrix(y_pred.shape)) for x in (y_pred, positive, negative))
    return _count(*tensors, np.asarray(thresholds, dtype), multi_label)


def _matrix(shape: Any) -> tuple[int, int]:
    return (shape[0], math.prod(shape[1:]))


def _entry_weights(sample_weight: Any, y_true: Any, dtype: str) -> Any:
    if sample_weight is None:
        return None
    weights = ops.cast(ops.convert_to_tensor(sample_weight), dtype)
    missing = len(y_true.shape) - len(weights.shape)
    aligned = align_leading(weights, y_true)
    if aligned is not weights or missing <= 0:
        _, aligned = squeeze_or_expand_to_same_rank(y_true, aligned, expand_rank_1=False)
        return aligned
    weights = ops.expand_dims(weights, -1)
    return squeeze_or_expand_to_same_rank(y_true, weights, expand_rank_1=False)[1]


def _product(weights: Any, more: Any) -> Any:
    return more if weights is None else weights * more


def _keep_top_k(scores: Any, k: int) -> Any:
    _, best = ops.top_k(scores, k)
    kept = ops.sum(ops.one_hot(best, scores.shape[-1], dtype=scores.dtype), axis=-2)
    return scores * kept + NEVER * (1 - kept)


def _one_class(y_true: Any, y_pred: Any, weights: Any, class_id: int) -> tuple[Any, Any, Any]:
    if len(y_pred.shape) == 1:
        raise ValueError(
            "When class_id is given, y_pred must have shape (num_samples, num_classes). "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    column = slice(class_id, class_id + 1)
    if weights is not None and weights.shape and weights.shape[-1] == y_pred.shape[-1] != 1:
        weights = weights[..., column]
    return y_true[..., column], y_pred[..., column], weights


def _count(
    y_pred: Any, positive: Any, negative: Any, thresholds: np.ndarray, multi_label: bool
) -> Counts:
    """Return the counts of scores [B, L], given the weights of positives and negatives [B, L]."""
    axes = (0,) if multi_label else (0, 1)
    above = _counter(y_pred, thresholds, multi_label)
    hits, false_alarms = above(positive), above(negative)
    return Counts(
        hits,
        false_alarms,
        ops.sum(negative, axis=axes) - false_alarms,
        ops.sum(positive, axis=axes) - hits,
    )


def _counter(y_pred: Any, thresholds: np.ndarray, multi_label: bool) -> Callable[[Any], Any]:
    """Return the function from weights [B, L] to their sums above each threshold."""
    if not evenly_spaced(thresholds):
        above = ops.greater(ops.expand_dims(y_pred, -1), thresholds)  # [B, L, T]
        return lambda weights: _sum_where(above, weights, multi_label)
    steps = len(thresholds)
    bucket = ops.ceil(ops.clip(y_pred, 0.0, 1.0) * (steps - 1)) - 1
    if thresholds[0] < 0.0:
        bucket = ops.maximum(bucket, 0)  # the first threshold is below every score
    if 1 < y_pred.shape[1] <= FEW_COLUMNS:
        above = ops.greater_equal(ops.expand_dims(bucket, -1), np.arange(steps, dtype="float32"))
        return lambda weights: _sum_where(above, weights, multi_label)
    return lambda weights: _sum_in_buckets(bucket, weights, steps, multi_label)


def _sum_where(above: Any, weights: Any, multi_label: bool) -> Any:
    """Return the sums of weights [B, L] where `above` [B, L, T] holds: [T], or [T, L]."""
    chosen = ops.cast(above, weights.dtype) * ops.expand_dims(weights, -1)
    return ops.transpose(ops.sum(chosen, axis=0)) if multi_label else ops.sum(chosen, axis=(0, 1))


def _sum_in_buckets(bucket: Any, weights: Any, steps: int, multi_label: bool) -> Any:
    """Return what `_sum_where` does in time B * L + T: each score falls between two thresholds."""
    columns = bucket.shape[1] if multi_label else 1
    weights = weights * ops.cast(bucket >= 0, weights.dtype)
    place = ops.cast(ops.maximum(bucket, 0), "int32")
    if columns > 1:
        place = place + steps * np.arange(columns, dtype="int32")
    sums = ops.segment_sum(
        ops.reshape(weights, (-1,)), ops.reshape(place, (-1,)), num_segments=steps * columns
    )
    sums = ops.flip(ops.reshape(sums, (columns, steps)), axis=1)
    sums = ops.flip(ops.cumsum(sums, axis=1), axis=1)  # [L, T]
    return ops.transpose(sums) if multi_label else ops.reshape(sums, (-1,))
