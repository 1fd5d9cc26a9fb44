"""Ops that move a tensor without computing: `core.*`."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import canonical
from graphc.kernels.registry import op


@op("core.cast")
def cast(x: ArrayLike, *, dtype: str) -> Array:
    """`x` converted to `dtype`; 64-bit dtypes become 32-bit while x64 is off."""
    return jnp.asarray(x).astype(canonical(dtype))


@op("core.saturate_cast")
def saturate_cast(x: ArrayLike, *, dtype: str) -> Array:
    """`x` converted to `dtype`, values beyond its range clamped to the nearest it can hold."""
    array, target = jnp.asarray(x), jnp.dtype(canonical(dtype))
    if array.dtype == jnp.bool_:
        return array.astype(target)
    low, high = _range(target)
    own_low, own_high = _range(array.dtype)
    limits = _rounded_inwards(max(low, own_low), min(high, own_high), array.dtype)
    return jnp.clip(array, *limits).astype(target)


def _range(dtype: jnp.dtype) -> tuple[float, float]:
    if dtype == jnp.bool_:
        return 0, 1
    if jnp.issubdtype(dtype, jnp.integer):
        return int(jnp.iinfo(dtype).min), int(jnp.iinfo(dtype).max)
    return float(jnp.finfo(dtype).min), float(jnp.finfo(dtype).max)


def _rounded_inwards(low: float, high: float, dtype: jnp.dtype) -> tuple[Any, Any]:
    """The limits in `dtype`, the upper one not rounded above itself: its cast would overflow."""
    if jnp.issubdtype(dtype, jnp.integer):
        return np.asarray(int(low), dtype), np.asarray(int(high), dtype)
    upper = np.asarray(high, dtype)
    if float(upper) > high:
        upper = np.nextafter(upper, np.zeros((), dtype))
    return np.asarray(low, dtype), upper


@op("core.identity")
def identity(x: ArrayLike) -> Array:
    """`x` unchanged."""
    return jnp.asarray(x)


@op("core.stop_gradient")
def stop_gradient(x: ArrayLike) -> Array:
    """`x` unchanged, with a zero derivative."""
    return lax.stop_gradient(jnp.asarray(x))


@op("core.bitcast")
def bitcast(x: ArrayLike, *, dtype: str) -> Array:
    """The bytes of `x` read as `dtype`; the last axis grows or shrinks with the item size."""
    return jnp.asarray(x).view(canonical(dtype))
