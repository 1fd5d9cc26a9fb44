"""One-hot labels and unit-norm rows."""

from typing import Any

import jax
import numpy as np

from graphc.keras import ops


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows of integer labels; a last axis of length 1 is dropped first.

    Args:
        x: labels from 0 to `num_classes - 1`, any shape [...] or [..., 1].
        num_classes: how many columns; None or 0 means the largest label plus 1.

    Returns:
        [..., num_classes]: a float64 NumPy array; for a JAX array one of JAX, in `floatx`, whose
        row is all zeros where a label lies outside the classes.

    Raises:
        ValueError: a label lies outside the classes (Keras counts negative ones from the end), or
            `x` is empty and `num_classes` is not given.
    """
    if isinstance(x, jax.Array):
        classes = num_classes or int(x.max()) + 1
        return ops.one_hot(x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x, classes)
    labels = np.asarray(x).astype(np.int64)  # [...]
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if not num_classes and labels.size == 0:
        raise ValueError("`num_classes` is needed where `x` is empty. Received: num_classes=None")
    classes = int(num_classes or labels.max() + 1)
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"Expected labels from 0 to {classes - 1} (num_classes={num_classes}). "
            f"Received: labels from {labels.min()} to {labels.max()}"
        )
    rows = np.zeros((labels.size, classes))  # [N, C]
    rows[np.arange(labels.size), labels.ravel()] = 1
    return rows.reshape(*labels.shape, classes)  # [..., C]


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """`x` divided by its norm along an axis; where the norm is 0, `x` stays as it is.

    Args:
        x: a NumPy array, or anything that `keras.ops` takes.
        axis: along which axis the norm is taken. (Keras reads 0 as -1 for NumPy arrays; here it
            is the first axis.)
        order: the norm's order, as for `numpy.linalg.norm`.

    Returns:
        An array like `x`, in floating point: NumPy for NumPy (a 1-D array comes back as [1, N], as
        from Keras), a backend tensor for anything else.
    """
    if not isinstance(x, np.ndarray):
        return ops.normalize(x, axis=axis, order=order)
    norm = np.atleast_1d(np.linalg.norm(x, order, axis))
    return x / np.expand_dims(np.where(norm == 0, 1, norm), axis)
