"""Hash buckets of strings and integers, as TensorFlow's `strings.to_hash_bucket_*` fill them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras.layers.preprocessing.fingerprint import farmhash64, siphash64


def hash_buckets(values: np.ndarray, buckets: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """Return a bucket below `buckets` for every string or integer: int64, of the same shape.

    Integers are hashed as their decimal digits. With a `salt` of two integers the hash is SipHash
    under that key, else FarmHash64.
    """
    items = values.ravel().tolist()
    known = {item: _bucket(item, buckets, salt) for item in set(items)}
    return np.array([known[item] for item in items], "int64").reshape(values.shape)


def check_salt(layer: Any, salt: Any) -> list[int] | None:
    """Return a salt as two integers; None stays.

    Raises:
        ValueError: neither an integer nor two of them.
    """
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(
        f"The `salt` argument for `{type(layer).__name__}` can only be a tuple of size 2 integers, "
        f"or a single integer. Received: salt={salt}."
    )


def _bucket(item: Any, buckets: int, salt: Sequence[int] | None) -> int:
    data = item if isinstance(item, bytes) else str(item).encode()
    return (farmhash64(data) if salt is None else siphash64(data, salt)) % buckets
