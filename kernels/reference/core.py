"""Ops that move a tensor without computing: `core.*`."""

from __future__ import annotations

import jax.numpy as jnp
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
    if array.dtype == jnp.bool_ or target == jnp.bool_:
        return array.astype(target)
    low, high = _range_within(target, array.dtype)
    return jnp.clip(array, low, high).astype(target)


def _range_within(target: jnp.dtype, source: jnp.dtype) -> tuple[Array, Array]:
    limits, own = _limits(target), _limits(source)
    low, high = max(float(limits.min), float(own.min)), min(float(limits.max), float(own.max))
    if not jnp.issubdtype(source, jnp.integer):
        return _inside(low, source), _inside(high, source)
    return jnp.asarray(int(low), source), jnp.asarray(_integer_below(high, own.max), source)


def _limits(dtype: jnp.dtype) -> jnp.finfo | jnp.iinfo:
    return jnp.iinfo(dtype) if jnp.issubdtype(dtype, jnp.integer) else jnp.finfo(dtype)


def _integer_below(value: float, largest: int) -> int:
    return min(int(value), int(largest))


def _inside(value: float, dtype: jnp.dtype) -> Array:
    """`value` rounded towards zero, so that the cast back cannot overflow."""
    rounded = jnp.asarray(value, dtype)
    return jnp.where(jnp.abs(rounded) > abs(value), jnp.nextafter(rounded, 0 * rounded), rounded)


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
