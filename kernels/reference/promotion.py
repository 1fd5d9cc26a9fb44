"""The dtype rules shared by the reference ops: JAX's own, with Keras's two additions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

Axis = int | tuple[int, ...] | None


def canonical(dtype: str) -> str:
    """The dtype that arrays really get: 64-bit names become 32-bit while x64 is off."""
    return str(jax.dtypes.canonicalize_dtype(dtype))


def inexact(x: ArrayLike) -> Array:
    """`x` as an array of floats (or complex numbers): integers and booleans become float32."""
    array = jnp.asarray(x)
    if jnp.issubdtype(array.dtype, jnp.inexact):
        return array
    return array.astype(canonical("float32"))


def strong(x: ArrayLike) -> Array:
    """`x` as an array whose dtype counts in promotion, also where `x` is a Python number."""
    array = jnp.asarray(x)
    return lax.convert_element_type(array, array.dtype)


def at_least_float32(x: Array) -> Array:
    """`x` in float32 or wider, the precision in which statistics are computed."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
