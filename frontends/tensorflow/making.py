"""Tensors out of nothing: `tf.constant`, `tf.zeros`, `tf.range` and their like.

What they make lies in the host's memory, so that a tape that watches it sees Python's operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.tensorflow.tensor import as_tensor, tensor


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Any:
    """Return `value` as a tensor, which every NumPy function takes as it is.

    Python's numbers become float32 and int32; arrays keep their dtype where none is given.
    """
    return as_tensor(value, dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str | None = "Const") -> Any:
    """Return `value` as a tensor; with `shape`, reshaped to it (a single number fills it)."""
    found = as_tensor(value, dtype)
    if shape is None:
        return found
    array = np.asarray(found)
    return tensor(np.full(shape, array) if array.size == 1 else array.reshape(shape))
