"""Max-pooling with disjoint windows as a maximum of strided slices, forward and backward."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.convolution import Window
from graphc.kernels.reference.pooling import full_window
from graphc.kernels.registry import Signature, Target, kernel

Offsets = tuple[tuple[int, ...], ...]


def _supports(signature: Signature, target: Target) -> str | None:
    """CPU only: there XLA lowers the gradient to a scalar select-and-scatter loop."""
    x, attrs = signature.inputs[0], signature.attrs
    if target.platform != "cpu":
        return "pays on CPU only"
    if x is None or not x.dtype.startswith(("float", "bfloat")):
        return "the dtype is not floating"
    data_format = attrs.get("data_format", "channels_last")
    window = full_window(attrs["pool_size"], x.ndim - 2, data_format)
    strides = attrs.get("strides")
    if strides is not None and full_window(strides, x.ndim - 2, data_format) != window:
        return "the strides differ from the pool size, so windows overlap or leave gaps"
    if any(n < size for n, size in zip(x.shape, window, strict=True)):
        return "the window is larger than the input"
    uneven = any(n % size for n, size in zip(x.shape, window, strict=True))
    if uneven and attrs.get("padding", "valid") != "valid":
        return "'same' padding needs a size that the window divides"
    return None


@kernel("nn.max_pool", tier="fused", supports=_supports)
def max_pool_slices(
    x: ArrayLike,
    *,
    pool_size: Window,
    strides: Window | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """The largest element of each window; ties give their gradient to the first in window order.

    Valid for strides equal to the window and sizes it divides once "valid" has cut the remainder.
    """
    del strides, padding
    array = jnp.asarray(x)
    return _pool(array, full_window(pool_size, array.ndim - 2, data_format))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _pool(x: Array, window: tuple[int, ...]) -> Array:
    return _forward(x, window)[0]


def _window_elements(x: Array, window: tuple[int, ...]) -> list[Array]:
    """One strided slice, shaped like the output, for each position in the window."""
    kept = x[tuple(slice(0, n - n % size) for n, size in zip(x.shape, window, strict=True))]
    positions = product(*(range(size) for size in window))
    return [
        kept[tuple(slice(o, None, size) for o, size in zip(offsets, window, strict=True))]
        for offsets in positions
    ]


def _forward(x: Array, window: tuple[int, ...]) -> tuple[Array, tuple[Array, tuple[int, ...]]]:
    """The maxima, and where in its window each was found: all that the gradient needs."""
    result, *others = _window_elements(x, window)
    dtype = np.uint8 if math.prod(window) <= 256 else np.int32
    found = jnp.zeros(result.shape, dtype)
    for position, element in enumerate(others, 1):
        # NaN is larger than any number, and the first one stays.
        larger = (element > result) | ((element != element) & (result == result))
        result = jnp.where(larger, element, result)
        found = jnp.where(larger, dtype(position), found)
    return result, (found, x.shape)


def _backward(
    window: tuple[int, ...], residuals: tuple[Array, tuple[int, ...]], cotangent: Array
) -> tuple[Array]:
    found, shape = residuals
    spread = [axis for n in window for axis in (1, n)]  # an axis of positions after each axis
    positions = np.arange(math.prod(window), dtype=found.dtype).reshape(spread)
    inner = tuple(range(1, 2 * len(window), 2))
    hit = jnp.expand_dims(found, inner) == positions
    whole = jnp.where(hit, jnp.expand_dims(cotangent, inner), 0)
    whole = whole.reshape([n * size for n, size in zip(found.shape, window, strict=True)])
    rest = [(0, n - m) for n, m in zip(shape, whole.shape, strict=True)]
    return (jnp.pad(whole, rest),)  # zero in the remainder that "valid" cuts off


_pool.defvjp(_forward, _backward)
