"""Arrays onto the device without compiling anything (`jnp.asarray` compiles once a shape)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer


def put(array: Any, dtype: str | None = None) -> jax.Array:
    """Return a device array with the values of `array`; a device array comes back as it is.

    Host memory may be shared where the device is the host: for data that is only read.
    """
    if isinstance(array, jax.Array):
        return array if dtype is None or str(array.dtype) == dtype else array.astype(dtype)
    host = np.asarray(array)
    return jax.device_put(host.astype(_canonical(host.dtype, dtype), copy=False))


def put_copy(array: Any, dtype: str | None = None) -> jax.Array:
    """Return a device array that shares no memory: for what a program may overwrite."""
    if isinstance(array, jax.Array) and (dtype is None or str(array.dtype) == dtype):
        # Without naming a device: an array pinned to one would compile its programs anew.
        return jax.device_put(array, may_alias=False)
    if isinstance(array, jax.Array):
        return array.astype(dtype)
    host = np.asarray(array)
    return jax.device_put(host.astype(_canonical(host.dtype, dtype), copy=False), may_alias=False)


def filled_like(array: Any, value: float = 0) -> Any:
    """Return an array shaped, typed and spread over devices as another one, full of a number.

    On one device it is made on the host, for `jnp.full_like` compiles a program for each shape.
    """
    real = isinstance(array, jax.Array) and not isinstance(array, Tracer)
    if real and len(array.sharding.device_set) > 1:
        return jnp.full_like(array, value)
    return np.full(array.shape, value, array.dtype)


def _canonical(given: Any, wanted: str | None) -> Any:
    return jax.dtypes.canonicalize_dtype(given if wanted is None else wanted)
