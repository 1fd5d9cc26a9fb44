"""Hashes of byte strings that are the same on every platform: FarmHash64 and SipHash-2-4.

Sources: FarmHash by Geoff Pike (the `Fingerprint64` that is frozen for ever, which TensorFlow's
`strings.to_hash_bucket_fast` uses); Aumasson and Bernstein (2012) for SipHash, which
`to_hash_bucket_strong` uses; TensorFlow's crosses of features chain fingerprints with
`fingerprint_cat64`. Needs NumPy alone, and is copied along with the loader of artifacts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

MASK = (1 << 64) - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F
CAT_MULTIPLIER = 0xC6A4A7935BD1E995
SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
START = 0xDECAFCAFFE  # TensorFlow's default key of hashed crosses
Pair = tuple[int, int]


def hash_buckets(values: np.ndarray, buckets: int, salt: Sequence[int] | None = None) -> np.ndarray:
    """Return a bucket below `buckets` for every string or integer: int64, of the same shape.

    Integers are hashed as their decimal digits. With a `salt` of two integers the hash is SipHash
    under that key, else FarmHash64.
    """
    items = values.ravel().tolist()
    known = {item: _bucket(item, buckets, salt) for item in set(items)}
    return np.array([known[item] for item in items], "int64").reshape(values.shape)


def fingerprint(item: str | int) -> int:
    """The fingerprint of a string; an integer is its own."""
    return farmhash64(item.encode()) if isinstance(item, str) else int(item) & MASK


def crossed(parts: Sequence[int]) -> int:
    """The fingerprint of several fingerprints in this order."""
    found = START
    for part in parts:
        found = fingerprint_cat64(found, part)
    return found


def _bucket(item: Any, buckets: int, salt: Sequence[int] | None) -> int:
    data = item if isinstance(item, bytes) else str(item).encode()
    return (farmhash64(data) if salt is None else siphash64(data, salt)) % buckets


def farmhash64(data: bytes) -> int:
    """The 64-bit FarmHash fingerprint of `data`, as an unsigned integer."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data)
    if size <= 32:
        return _up_to_32(data)
    return _up_to_64(data) if size <= 64 else _long(data)


def siphash64(data: bytes, key: Sequence[int]) -> int:
    """The 64-bit SipHash-2-4 of `data` under a key of two unsigned 64-bit integers."""
    low, high = (part & MASK for part in key)
    state = [start ^ part for start, part in zip(SIP_START, (low, high) * 2, strict=True)]
    tail = (len(data) & 0xFF) << 56 | int.from_bytes(data[len(data) // 8 * 8 :], "little")
    words = [_word(data, at) for at in range(0, len(data) // 8 * 8, 8)]
    for word in (*words, tail):
        state[3] ^= word
        _sip_rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    _sip_rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def fingerprint_cat64(first: int, second: int) -> int:
    """The fingerprint of two fingerprints in this order."""
    mixed = first ^ CAT_MULTIPLIER
    mixed ^= _shift_mix(second * CAT_MULTIPLIER & MASK) * CAT_MULTIPLIER & MASK
    mixed = mixed * CAT_MULTIPLIER & MASK
    return _shift_mix(_shift_mix(mixed) * CAT_MULTIPLIER & MASK)


def _word(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


def _rotate(value: int, right: int) -> int:
    value &= MASK
    return (value >> right | value << (64 - right)) & MASK


def _shift_mix(value: int) -> int:
    return value ^ value >> 47


def _hash_16(low: int, high: int, multiplier: int) -> int:
    mixed = _shift_mix(((low ^ high) & MASK) * multiplier & MASK)
    mixed = _shift_mix(((high & MASK) ^ mixed) * multiplier & MASK)
    return mixed * multiplier & MASK


def _up_to_16(data: bytes) -> int:
    size = len(data)
    multiplier = K2 + size * 2
    if size >= 8:
        a, b = _word(data, 0) + K2, _word(data, size - 8)
        c = _rotate(b, 37) * multiplier + a
        return _hash_16(c & MASK, (_rotate(a, 25) + b) * multiplier & MASK, multiplier)
    if size >= 4:
        ends = _word(data, 0, 4), _word(data, size - 4, 4)
        return _hash_16(size + (ends[0] << 3), ends[1], multiplier)
    if not size:
        return K2
    first, middle, last = data[0], data[size >> 1], data[size - 1]
    low, high = first + (middle << 8), size + (last << 2)
    return _shift_mix((low * K2 & MASK) ^ (high * K0 & MASK)) * K2 & MASK


def _ends(data: bytes, start: int, multiplier: int) -> tuple[int, int, int]:
    """The two words of the 32 bytes at both ends, not yet hashed; and the scaled first word."""
    size = len(data)
    a, b = _word(data, 0) * start, _word(data, 8)
    c, d = _word(data, size - 8) * multiplier, _word(data, size - 16) * K2
    low = (_rotate(a + b, 43) + _rotate(c, 30) + d) & MASK
    return low, (a + _rotate(b + K2, 18) + c) & MASK, a


def _up_to_32(data: bytes) -> int:
    multiplier = K2 + len(data) * 2
    low, high, _ = _ends(data, K1, multiplier)
    return _hash_16(low, high, multiplier)


def _up_to_64(data: bytes) -> int:
    size = len(data)
    multiplier = K2 + size * 2
    y, high, a = _ends(data, K2, multiplier)
    z = _hash_16(y, high, multiplier)
    e, f = _word(data, 16) * multiplier, _word(data, 24)
    g = (y + _word(data, size - 32)) * multiplier
    h = (z + _word(data, size - 24)) * multiplier
    low = _rotate(e + f, 43) + _rotate(g, 30) + h
    return _hash_16(low & MASK, (e + _rotate(f + a, 18) + g) & MASK, multiplier)


def _weak_32(data: bytes, at: int, a: int, b: int) -> Pair:
    w, x, y, z = (_word(data, at + 8 * index) for index in range(4))
    a += w
    b = _rotate(b + a + z, 21)
    total = a + x + y
    return (total + z) & MASK, (b + _rotate(total, 44) + a) & MASK


def _block(
    data: bytes, at: int, xyz: tuple[int, int, int], v: Pair, w: Pair, multiplier: int, scale: int
) -> tuple[tuple[int, int, int], Pair, Pair]:
    """Mix 64 bytes in; x and z come back exchanged."""
    x, y, z = xyz
    x = _rotate(x + y + v[0] + _word(data, at + 8), 37) * multiplier & MASK
    y = _rotate(y + v[1] + _word(data, at + 48), 42) * multiplier
    x ^= w[1] * scale & MASK
    y = (y + v[0] * scale + _word(data, at + 40)) & MASK
    z = _rotate(z + w[0], 33) * multiplier & MASK
    v = _weak_32(data, at, v[1] * multiplier, x + w[0])
    w = _weak_32(data, at + 32, z + w[1], y + _word(data, at + 16))
    return (z, y, x), v, w


def _long(data: bytes) -> int:
    last = len(data) - 1
    y = 81 * K1 + 113 & MASK
    xyz = 81 * K2 + _word(data, 0) & MASK, y, _shift_mix(y * K2 + 113 & MASK) * K2 & MASK
    v: Pair = (0, 0)
    w: Pair = (0, 0)
    for at in range(0, last // 64 * 64, 64):
        xyz, v, w = _block(data, at, xyz, v, w, K1, 1)
    multiplier = K1 + ((xyz[2] & 0xFF) << 1)
    w = w[0] + (last & 63), w[1]
    v = (v[0] + w[0]) & MASK, v[1]
    w = (w[0] + v[0]) & MASK, w[1]
    (x, y, z), v, w = _block(data, last - 63, xyz, v, w, multiplier, 9)
    low = _hash_16(v[0], w[0], multiplier) + _shift_mix(y) * K0 + z
    return _hash_16(low & MASK, _hash_16(v[1], w[1], multiplier) + x & MASK, multiplier)


def _sip_rounds(state: list[int], rounds: int) -> None:
    a, b, c, d = state
    for _ in range(rounds):
        a, c = (a + b) & MASK, (c + d) & MASK
        b, d = _rotate(b, 51) ^ a, _rotate(d, 48) ^ c
        a = _rotate(a, 32)
        c, a = (c + b) & MASK, (a + d) & MASK
        b, d = _rotate(b, 47) ^ c, _rotate(d, 43) ^ a
        c = _rotate(c, 32)
    state[:] = a, b, c, d
