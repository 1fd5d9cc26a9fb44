"""Arrays onto the device without compiling anything (`jnp.asarray` compiles once a shape)."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


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


def _canonical(given: Any, wanted: str | None) -> Any:
    return jax.dtypes.canonicalize_dtype(given if wanted is None else wanted)
