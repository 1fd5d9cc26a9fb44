"""The functions of `keras.ops` about tensors as such: conversion, dtype, shape, identity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import floatx, standardize_dtype
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.keras.ops.uniform import attribute, canonical_dtype, operand, uniform

SCALARS: dict[type, str] = {bool: "bool", int: "int32"}

saturate_cast = uniform("core.saturate_cast", "x; dtype")
stop_gradient = uniform("core.stop_gradient", "variable")
view = uniform("core.bitcast", "x; dtype=None", "view")


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """Return `x` as a tensor, in `dtype` if given.

    Python floats and nested lists of them become floatx, integers int32, and 64-bit arrays 32-bit
    ones (while 64-bit is switched off in JAX).

    Raises:
        ValueError: a sparse or ragged tensor was asked for.
    """
    if sparse or ragged:
        raise ValueError(
            "Sparse and ragged tensors are not supported. "
            f"Received: sparse={sparse}, ragged={ragged}"
        )
    x = x.value if isinstance(x, Variable) else operand(x)
    if dtype is not None:
        return cast(x, dtype)
    if isinstance(x, (KerasTensor, Symbol, jax.Array)):
        return x
    if isinstance(x, float):
        return jnp.asarray(x, floatx())
    return jnp.asarray(x, SCALARS.get(type(x)))


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return `x` as a NumPy array."""
    return np.asarray(x.value if isinstance(x, Variable) else x)


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in `dtype`; a tensor that has it already is returned as it is."""
    name = canonical_dtype(dtype)
    x = x.value if isinstance(x, Variable) else operand(x)
    if isinstance(x, (KerasTensor, Symbol, jax.Array)) and str(x.dtype) == name:
        return x
    return apply("core.cast", x, dtype=name)


def dtype(x: Any) -> str:
    """Return the name of the dtype of a tensor, an array or a Python scalar."""
    return standardize_dtype(x.dtype if hasattr(x, "dtype") else convert_to_tensor(x).dtype)


def shape(x: Any) -> tuple[int | None, ...]:
    """Return the shape as a tuple; None where a KerasTensor's size is not known."""
    return tuple(x.shape) if hasattr(x, "shape") else tuple(np.shape(operand(x)))


def ndim(x: Any) -> int:
    """Return the number of dimensions."""
    return len(shape(x))


def size(x: Any) -> int | None:
    """Return the number of elements, or None where a size is not known."""
    sizes = shape(x)
    known = [one for one in sizes if one is not None]
    return math.prod(known) if len(known) == len(sizes) else None


def is_tensor(x: Any) -> bool:
    """Return whether `x` is an array of JAX, or a symbol that stands for one in a trace."""
    return isinstance(x, (jax.Array, Symbol))


def get_item(x: Any, key: Any) -> Any:
    """Return `x[key]`."""
    return x[key] if hasattr(x, "dtype") else convert_to_tensor(x)[key]


def slice(inputs: Any, start_indices: Any, shape: Sequence[int]) -> Any:
    """Return the block of `inputs` of the given shape at the given start.

    A start may be a tensor; -1 in the shape means up to the end, where all starts are integers.
    """
    starts = _starts(start_indices)
    sizes = attribute("shape", tuple(shape))
    if all(isinstance(start, int) for start in starts):
        return apply("shape.slice", operand(inputs), start_indices=tuple(starts), shape=sizes)
    return apply("shape.slice_dynamic", operand(inputs), *starts, shape=sizes)


def slice_update(inputs: Any, start_indices: Any, updates: Any) -> Any:
    """Return `inputs` with the block at the given start replaced by `updates`."""
    starts = _starts(start_indices)
    return apply("shape.slice_update", operand(inputs), operand(updates), *starts)


def unstack(x: Any, num: int | None = None, axis: int = 0) -> list[Any]:
    """Return the slices of `x` along `axis`, that axis removed; `num` is not needed."""
    del num
    return list(apply("shape.unstack", operand(x), axis=axis))


scatter = uniform("shape.scatter", "indices, values; shape")
scatter_update = uniform("shape.scatter_update", "inputs, indices, updates; reduction=None")


def _starts(start_indices: Any) -> list[Any]:
    if isinstance(start_indices, (list, tuple)):
        return [start.item() if isinstance(start, np.generic) else start for start in start_indices]
    if isinstance(start_indices, np.ndarray):
        return start_indices.tolist()
    return [start_indices[axis] for axis in range(start_indices.shape[0])]
