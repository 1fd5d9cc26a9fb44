"""Targets brought to the dtype and the rank of the predictions."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.losses.loss import as_array_if_numbers
from graphc.keras.losses.reduction import squeeze_or_expand_to_same_rank


def same_dtype(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as tensors, the targets in the dtype of the predictions."""
    y_pred = ops.convert_to_tensor(as_array_if_numbers(y_pred))
    y_true = ops.convert_to_tensor(as_array_if_numbers(y_true))
    return ops.cast(y_true, y_pred.dtype), y_pred


def paired(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as tensors of one dtype, and of one rank where a last axis of size 1 differs.

    Raises:
        ValueError: the shapes do not fit, not even by broadcasting.
    """
    y_true, y_pred = same_dtype(y_true, y_pred)
    pair = squeeze_or_expand_to_same_rank(y_true, y_pred)
    shapes = [[1 if size is None else size for size in tensor.shape] for tensor in pair]
    if all(
        1 in sizes or len(set(sizes)) == 1
        for sizes in zip(*(reversed(shape) for shape in shapes), strict=False)
    ):
        return pair
    raise ValueError(
        f"Expected targets of the shape of the predictions, {tuple(y_pred.shape)}. "
        f"Received: y_true.shape={tuple(y_true.shape)}"
    )
