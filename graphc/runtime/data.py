"""Data on the device: row-aligned arrays, uploaded once, and the order of an epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from graphc.kernels import threefry
from graphc.runtime.device import put

PADDING_BITS = np.uint32(0xFFFFFFFF)  # larger than any row's
SMALL_ORDER = 1 << 13  # rows up to which an order travels with the call sooner than ahead of it
ORDERS_AHEAD = 1 << 12  # rows of the orders that are made in one go
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
        return put(leaf)
    if isinstance(leaf, np.ndarray):
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype)
        whole = np.empty((rows, *leaf.shape[1:]), dtype)
        whole[: leaf.shape[0]] = leaf
        whole[leaf.shape[0] :] = leaf[0]  # real rows: zeros could make NaN that no mask removes
        return put(whole)
    return jnp.concatenate([leaf, jnp.broadcast_to(leaf[:1], (missing, *leaf.shape[1:]))])


def epoch_order(seed: int, epoch: int, count: int, capacity: int) -> Any:
    """Return a permutation of the real rows [capacity], a function of (seed, epoch) alone.

    Rows are sorted by random bits, padding last. The same bits are sorted on the host when that is
    the device anyway, which saves a compilation, and on the device otherwise.
    """
    if jax.default_backend() != "cpu":
        key = np.array([seed & 0xFFFFFFFF, epoch], np.uint32)
        return _order_on_device(key, np.int32(count), capacity)
    if capacity > SMALL_ORDER:
        return put(_orders(seed, epoch, 1, count, capacity)[0])
    block = max(1, ORDERS_AHEAD // capacity)
    return _kept_orders(seed, epoch // block * block, block, count, capacity)[epoch % block]


def _orders(seed: int, first: int, epochs: int, count: int, capacity: int) -> np.ndarray:
    """Return the orders of so many epochs [epochs, capacity]."""
    keys = np.uint32(seed & 0xFFFFFFFF), np.arange(first, first + epochs, dtype=np.uint32)[:, None]
    bits = threefry.random_bits(keys, capacity) >> np.uint32(1)
    bits[:, count:] = PADDING_BITS
    # Position below the bits makes each key unique, so a fast sort is as good as a stable one.
    unique = bits.astype(np.uint64) << np.uint64(32) | np.arange(capacity, dtype=np.uint64)
    return np.sort(unique).astype(np.uint32).view(np.int32)


# Hashing few rows takes as long as calling NumPy does, so several epochs are made in one go; folds
# and candidates of a search are trained in the same orders.
_kept_orders = lru_cache(maxsize=32)(_orders)


@partial(jax.jit, static_argnums=(2,))
def _order_on_device(key: Any, count: Any, capacity: int) -> Any:
    wrapped = jax.random.wrap_key_data(key, impl="threefry2x32")
    bits = jax.random.bits(wrapped, (capacity,), jnp.uint32) >> 1
    position = jnp.arange(capacity, dtype=jnp.int32)
    bits = jnp.where(position < count, bits, PADDING_BITS)
    return jax.lax.sort((bits, position), num_keys=1)[1]
