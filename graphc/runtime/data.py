"""Data on the device: row-aligned arrays, uploaded once, and the order of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PADDABLE = 64 << 20  # bytes below which arrays are padded to a common capacity


@dataclass(frozen=True)
class DeviceData:
    """Arrays with `count` real rows each; rows past `count` are copies of the first."""

    arrays: tuple[Any, ...]
    count: int

    @property
    def capacity(self) -> int:
        """Rows held, padding included."""
        return int(self.arrays[0].shape[0]) if self.arrays else 0

    def steps(self, batch: int) -> int:
        """Return how many batches an epoch has, the partial last one included."""
        return -(-self.count // batch)


def capacity_for(count: int, batch: int) -> int:
    """Return a row capacity that near-equal counts share, so that they share programs.

    It is a multiple of `batch` and at most an eighth larger than needed (folds of one data set,
    which differ by a row, give the same capacity).
    """
    steps = -(-count // batch)
    grain = max(1, 1 << max(0, steps.bit_length() - 4))
    return -(-steps // grain) * grain * batch


def upload(leaves: Sequence[Any], count: int, batch: int) -> DeviceData:
    """Put row-aligned arrays on the device, padded to a shared capacity when they are small."""
    total = sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)
    rows = capacity_for(count, batch) if total <= PADDABLE else count
    return DeviceData(tuple(_padded(leaf, rows) for leaf in leaves), count)


def _padded(leaf: Any, rows: int) -> Any:
    missing = rows - leaf.shape[0]
    if missing <= 0:
        return jnp.asarray(leaf)
    if isinstance(leaf, np.ndarray):
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        whole = np.empty((rows, *leaf.shape[1:]), dtype)
        whole[: leaf.shape[0]] = leaf
        whole[leaf.shape[0] :] = leaf[0]  # real rows: zeros could make NaN that no mask removes
        return jnp.asarray(whole)
    return jnp.concatenate([leaf, jnp.broadcast_to(leaf[:1], (missing, *leaf.shape[1:]))])


@partial(jax.jit, static_argnums=(3,))
def _order(seed: Any, epoch: Any, count: Any, capacity: int) -> Any:
    key = jax.random.fold_in(jax.random.key(seed), epoch)
    bits = jax.random.bits(key, (capacity,), jnp.uint32) >> 1
    position = jnp.arange(capacity, dtype=jnp.int32)
    bits = jnp.where(position < count, bits, jnp.uint32(0xFFFFFFFF))  # padding sorts last
    return jax.lax.sort((bits, position), num_keys=1)[1]


def epoch_order(seed: int, epoch: int, data: DeviceData) -> Any:
    """Return a permutation of the real rows, a function of (seed, epoch) alone."""
    return _order(np.uint32(seed), np.uint32(epoch), np.int32(data.count), data.capacity)
