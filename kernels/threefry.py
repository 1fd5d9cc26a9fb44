"""JAX's threefry generator, bit for bit; in NumPy, draws on the host that need no compilation.

For weights of a usual size, compiling a draw takes a hundred times as long as drawing.
Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
EXPONENT_OF_ONE = np.uint32(0x3F800000)


def threefry_2x32(key: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Hash pairs of uint32 counters [n] under a key [2]; twenty rounds, of NumPy or JAX arrays."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ PARITY)
    with np.errstate(over="ignore"):
        x, y = high + schedule[0], low + schedule[1]
        for group in range(5):
            for rotation in ROTATIONS[group % 2]:
                x = x + y
                y = x ^ ((y << np.uint32(rotation)) | (y >> np.uint32(32 - rotation)))
            x = x + schedule[(group + 1) % 3]
            y = y + schedule[(group + 2) % 3] + np.uint32(group + 1)
    return x, y


def random_bits(key: Any, count: int) -> np.ndarray:
    """Return `jax.random.bits(key, (count,))` as uint32 [count]; for keys [2, n, 1], [n, count]."""
    index = np.arange(count, dtype=np.uint64)
    high = (index >> np.uint64(32)).astype(np.uint32)
    x, y = threefry_2x32(key, high, index.astype(np.uint32))
    return x ^ y


def uniform(key: np.ndarray, shape: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """Return `jax.random.uniform(key, shape, float32, low, high)`.

    XLA scales and shifts in one fused multiply-add; float64 arithmetic rounds to the same.
    """
    bits = random_bits(key, int(np.prod(shape)))
    unit = ((bits >> np.uint32(9)) | EXPONENT_OF_ONE).view(np.float32) - np.float32(1)
    start, width = np.float32(low), np.float32(high) - np.float32(low)
    scaled = (unit.astype(np.float64) * np.float64(width) + np.float64(start)).astype(np.float32)
    return np.maximum(start, scaled).reshape(shape)
