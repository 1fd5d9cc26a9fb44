"""Dropout whose random bits are hashed in one elementwise pass.

JAX's own threefry is a loop of unfused steps on the CPU: four times as slow, and longer to compile.
The bits are the same.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.random import filled, scaled_survivors
from graphc.kernels.registry import Signature, Target, kernel
from graphc.kernels.threefry import EXPONENT_OF_ONE, threefry_2x32


def _supports(signature: Signature, target: Target) -> str | None:
    x, _, rate = signature.inputs[:3]
    if target.platform != "cpu":
        return "pays on CPU only"
    if not jax.config.jax_threefry_partitionable:
        return "jax_threefry_partitionable is off: JAX would draw other bits"
    if rate is not None and rate.dtype != "float32":
        return "the rate is not float32, so JAX draws in another precision"
    if x is not None and math.prod(x.shape) >= 1 << 32:
        return "more elements than a 32-bit counter has values"
    return None


@kernel("nn.dropout", tier="fused", supports=_supports)
def dropout_unrolled(
    x: ArrayLike,
    seed: ArrayLike,
    rate: ArrayLike,
    *,
    noise_shape: tuple[int | None, ...] | None = None,
) -> Array:
    """`x` with a fraction `rate` of its elements zeroed and the others divided by `1 - rate`."""
    array = jnp.asarray(x)
    shape = array.shape if noise_shape is None else filled(noise_shape, array.shape)
    keep = jnp.asarray(1.0 - rate)
    mask = _uniform(jnp.asarray(seed, jnp.uint32), shape) < keep
    return scaled_survivors(array, mask, keep)


def _uniform(seed: Array, shape: tuple[int, ...]) -> Array:
    """What `jax.random.uniform` draws from `seed`, float32 in [0, 1)."""
    low = lax.iota(np.uint32, math.prod(shape))
    x, y = threefry_2x32(seed, jnp.zeros((), np.uint32), low)
    mantissa = (x ^ y) >> np.uint32(9)
    unit = lax.bitcast_convert_type(mantissa | EXPONENT_OF_ONE, np.float32) - np.float32(1)
    return unit.reshape(shape)
