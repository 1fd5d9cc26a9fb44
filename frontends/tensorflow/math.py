"""`tf.math` and its copies at the top of `tf`: `keras.ops` under TensorFlow's names."""

from __future__ import annotations

from typing import Any

from graphc.keras.ops import (
    abs,
    add,
    cast,
    divide,
    equal,
    exp,
    expand_dims,
    log,
    matmul,
    maximum,
    minimum,
    multiply,
    ones,
    ones_like,
    reshape,
    round,
    shape,
    sigmoid,
    sign,
    sqrt,
    square,
    squeeze,
    stack,
    subtract,
    tanh,
    transpose,
    where,
    zeros,
    zeros_like,
)
from graphc.keras.ops import concatenate as concat
from graphc.keras.ops import convert_to_tensor as _convert
from graphc.keras.ops import max as reduce_max
from graphc.keras.ops import mean as reduce_mean
from graphc.keras.ops import min as reduce_min
from graphc.keras.ops import power as pow
from graphc.keras.ops import prod as reduce_prod
from graphc.keras.ops import sum as reduce_sum
from graphc.tensorflow.absent import absent


def convert_to_tensor(value: Any, dtype: str | None = None, name: str | None = None) -> Any:
    """Return `value` as a `jax.Array`, which every NumPy function takes as it is."""
    return _convert(value, dtype=dtype)


def constant(
    value: Any,
    dtype: str | None = None,
    shape: tuple[int, ...] | None = None,
    name: str | None = "Const",
) -> Any:
    """Return `value` as an array; with `shape`, reshaped to it (a single number fills it)."""
    tensor = _convert(value, dtype=dtype)
    if shape is None:
        return tensor
    if tensor.size == 1:
        return reshape(tensor, ()) * ones(shape, dtype=str(tensor.dtype))
    return reshape(tensor, shape)


__getattr__ = absent("tensorflow.math", globals())
