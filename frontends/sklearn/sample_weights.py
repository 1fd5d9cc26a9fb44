"""Weights of rows: those given, and those that follow from the classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_array, compute_sample_weight


def weights_of(sample_weight: Any, rows: int) -> np.ndarray | None:
    """Return checked weights [N], or None.

    Raises:
        ValueError: not one number a row, not finite, or all zero.
    """
    if sample_weight is None:
        return None
    weights = check_array(
        sample_weight, ensure_2d=False, dtype=np.float32, input_name="sample_weight"
    )
    if weights.shape != (rows,):
        raise ValueError(
            f"Expected `sample_weight` to hold a number for each row, shape ({rows},). "
            f"Received: sample_weight.shape == {weights.shape}"
        )
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def weights_by_class(class_weight: Any, y: Any, weights: np.ndarray | None) -> np.ndarray | None:
    """Return weights of rows [N] times those of their classes.

    Args:
        class_weight: None, "balanced", or a dict from a class to its weight.
        y: the classes [N], or zeros and ones [N, K].
        weights: the weights of the rows so far.
    """
    if class_weight is None:
        return weights
    found = compute_sample_weight(class_weight, y).astype(np.float32)
    return found if weights is None else weights * found
