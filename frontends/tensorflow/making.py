"""Tensors out of nothing: `tf.constant`, `tf.zeros`, `tf.range` and their like.

What they make lies in the host's memory, so that a tape that watches it sees Python's operators.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.tensorflow.dtypes import as_dtype, float32
from graphc.tensorflow.naming import renamed
from graphc.tensorflow.tensor import as_array, as_tensor, on_host, tensor

ones_like = renamed(ops.ones_like, input="x")
zeros_like = renamed(ops.zeros_like, input="x")


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


def fill(dims: Any, value: Any, name: str | None = None) -> Any:
    """Return a tensor of one number."""
    return tensor(np.full(_sizes(dims), as_array(value)))


def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Any:
    """Return zeros; empty strings where `dtype` is tf.string."""
    return tensor(np.zeros(_sizes(shape), _numpy(dtype)))


def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Any:
    """Return ones."""
    return tensor(np.ones(_sizes(shape), _numpy(dtype)))


def eye(
    num_rows: int,
    num_columns: int | None = None,
    batch_shape: Any = None,
    dtype: Any = float32,
    name: str | None = None,
) -> Any:
    """Return the identity matrix, or one for each element of `batch_shape`."""
    found = np.eye(num_rows, num_columns, dtype=_numpy(dtype))
    return tensor(np.broadcast_to(found, (*(batch_shape or ()), *found.shape)))


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range"
) -> Any:
    """Return numbers from `start` (0 where one number is given) up to `limit`, `delta` apart."""
    first, end = (0, start) if limit is None else (start, limit)
    parts = [np.asarray(as_array(part)) for part in (first, end, delta)]
    kind = np.result_type(*parts) if dtype is None else _numpy(dtype)
    return tensor(np.arange(*(part.item() for part in parts)).astype(kind))


def linspace(start: Any, stop: Any, num: int, name: str | None = None, axis: int = 0) -> Any:
    """Return `num` numbers from `start` to `stop`, both included."""
    return on_host(ops.linspace(start, stop, int(num), axis=axis))


def sequence_mask(
    lengths: Any, maxlen: int | None = None, dtype: Any = "bool", name: str | None = None
) -> Any:
    """Return True for the first elements of each row, as many as its length: [..., maxlen]."""
    lengths = ops.convert_to_tensor(lengths)
    size = int(ops.max(lengths)) if maxlen is None else int(maxlen)
    found = ops.less(ops.arange(size), ops.expand_dims(lengths, -1))
    return ops.cast(found, dtype)


def _sizes(shape: Any) -> tuple[int, ...]:
    return tuple(int(size) for size in np.atleast_1d(np.asarray(shape)))


def _numpy(dtype: Any) -> Any:
    name = as_dtype(dtype)
    return str if name == "string" else np.dtype(str(name))
