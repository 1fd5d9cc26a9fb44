"""Pooling over windows: `nn.max_pool`, `nn.average_pool` and the adaptive pair."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.convolution import Window, per_axis
from graphc.kernels.registry import op


def full_window(value: Window, rank: int, data_format: str) -> tuple[int, ...]:
    """`value` for every axis of the tensor: 1 on batch and channels."""
    spatial = per_axis(value, rank)
    return (1, *spatial, 1) if data_format == "channels_last" else (1, 1, *spatial)


@op("nn.max_pool")
def max_pool(
    x: ArrayLike,
    *,
    pool_size: Window,
    strides: Window | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """The largest element of each window; `strides` None means `pool_size`."""
    array = jnp.asarray(x)
    rank = array.ndim - 2
    window = full_window(pool_size, rank, data_format)
    steps = window if strides is None else full_window(strides, rank, data_format)
    return lax.reduce_window(array, _lowest(array.dtype), lax.max, window, steps, padding.upper())


def _lowest(dtype: jnp.dtype) -> np.ndarray:
    if dtype == jnp.bool_:
        return np.asarray(False)
    floating = jnp.issubdtype(dtype, jnp.floating)
    return np.asarray(-np.inf if floating else jnp.iinfo(dtype).min, dtype)


@op("nn.average_pool")
def average_pool(
    x: ArrayLike,
    *,
    pool_size: Window,
    strides: Window | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """The mean of each window; elements of padding are not counted."""
    array = jnp.asarray(x)
    rank = array.ndim - 2
    window = full_window(pool_size, rank, data_format)
    steps = window if strides is None else full_window(strides, rank, data_format)

    def total(values: Array) -> Array:
        return lax.reduce_window(values, 0.0, lax.add, window, steps, padding.upper())

    if padding == "valid":
        return total(array) / math.prod(window)
    # The counts are alike for every sample and channel, so one of each is enough.
    shape = [1 if size == 1 else n for n, size in zip(array.shape, window, strict=True)]
    return total(array) / total(jnp.ones(shape, array.dtype))


def _adaptive(
    reduce: Callable[..., Array],
) -> Callable[..., Array]:
    def reference(
        x: ArrayLike, *, output_size: Window, data_format: str = "channels_last"
    ) -> Array:
        array = jnp.asarray(x)
        rank = array.ndim - 2
        first = 1 if data_format == "channels_last" else 2
        for axis, size in enumerate(per_axis(output_size, rank), start=first):
            array = _pool_axis(array, axis, size, reduce)
        return array

    reference.__name__ = reference.__qualname__ = f"adaptive_{reduce.__name__}"
    reference.__doc__ = "Windows spread evenly over each spatial axis, `output_size` of them."
    return reference


def _pool_axis(x: Array, axis: int, size: int, reduce: Callable[..., Array]) -> Array:
    """Reduce `axis` to `size` windows whose bounds are the evenly spaced ones, rounded outwards."""
    length = x.shape[axis]
    windows = [
        lax.slice_in_dim(x, i * length // size, -(-(i + 1) * length // size), axis=axis)
        for i in range(size)
    ]
    return jnp.concatenate([reduce(w, axis=axis, keepdims=True) for w in windows], axis=axis)


op("nn.adaptive_max_pool")(_adaptive(jnp.max))
op("nn.adaptive_average_pool")(_adaptive(jnp.mean))
