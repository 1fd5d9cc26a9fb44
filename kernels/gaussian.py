"""Normal draws whose bits come from the host: equal to `jax.random`'s, without a program a shape.

Uniform draws become normal ones by the inverse error function, element by element. XLA computes it,
so that no bit differs, in blocks of one size: one small program serves every shape.
"""

from __future__ import annotations

import math

import jax
import numpy as np
from jax import lax

from graphc.kernels import threefry

BLOCK = 1 << 14
LOWEST = float(np.nextafter(np.float32(-1), np.float32(0)))  # the open end of (-1, 1)
WITHIN_TWO = math.erf(math.sqrt(2))  # the share of the normal distribution within two deviations
UNDER_TWO = np.nextafter(np.float32(2), np.float32(0))


def normal(key: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return `jax.random.normal(key, shape, float32)`."""
    return _quantiles(threefry.uniform(key, shape, LOWEST, 1.0))


def truncated_normal(key: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return `jax.random.truncated_normal(key, -2, 2, shape, float32)`."""
    draws = _quantiles(threefry.uniform(key, shape, -WITHIN_TWO, WITHIN_TWO))
    return np.clip(draws, -UNDER_TWO, UNDER_TWO)


def _quantiles(uniform: np.ndarray) -> np.ndarray:
    """Return what draws from (-1, 1) are as draws from the normal distribution."""
    count = uniform.size
    padded = np.zeros(-(-count // BLOCK) * BLOCK, np.float32)
    padded[:count] = uniform.ravel()
    blocks = [np.asarray(_quantile(part)) for part in padded.reshape(-1, BLOCK)]
    return np.concatenate(blocks or [padded])[:count].reshape(uniform.shape)


@jax.jit
def _quantile(uniform: jax.Array) -> jax.Array:
    return lax.mul(np.float32(np.sqrt(2)), lax.erf_inv(uniform))
