"""Two numbers of four bits in a byte."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import standardize_dtype

DTYPES = ("int8", "uint8")


def pack_int4(arr: Any, axis: int = 0, dtype: str = "int8") -> tuple[Any, tuple[int, ...], int]:
    """Four-bit numbers, two to a byte: the first of each pair in its low bits.

    Args:
        arr: the numbers, in `dtype`: -8 to 7 (int8) or 0 to 15 (uint8).
        axis: along which neighbours share a byte.
        dtype: "int8" or "uint8".

    Returns:
        (packed, its shape, the length of `arr` along `axis`), for `unpack_int4`.

    Raises:
        ValueError: another `dtype`.
        TypeError: `arr` is not of that dtype.
    """
    _check_dtype(dtype)
    if standardize_dtype(arr.dtype) != dtype:
        raise TypeError(f"Expected a tensor of {dtype}. Received: {standardize_dtype(arr.dtype)}")
    numbers = np.moveaxis(np.asarray(arr), axis, 0)
    length = numbers.shape[0]
    numbers = np.pad(numbers, [(0, length % 2)] + [(0, 0)] * (numbers.ndim - 1))
    nibbles = numbers.view("uint8") & 0x0F
    packed = (nibbles[::2] | (nibbles[1::2] << 4)).view(dtype)
    packed = np.moveaxis(packed, 0, axis)
    return ops.convert_to_tensor(packed), tuple(packed.shape), length


def unpack_int4(packed: Any, orig_len: int, axis: int = 0, dtype: str = "int8") -> Any:
    """The four-bit numbers that `pack_int4` packed, one to a byte.

    Args:
        packed: the bytes, in int8 or uint8.
        orig_len: the length along `axis` before packing.
        axis: the axis they were packed along.
        dtype: "int8" for -8 to 7, "uint8" for 0 to 15.

    Raises:
        ValueError: another `dtype`.
        TypeError: `packed` is of another dtype.
    """
    _check_dtype(dtype)
    found = standardize_dtype(packed.dtype)
    if found not in DTYPES:
        raise TypeError(f"Expected a tensor of int8 or uint8. Received: {found}")
    rank = len(packed.shape)
    axis %= rank
    numbers = ops.moveaxis(ops.convert_to_tensor(packed), axis, 0)
    halves = (_nibble(numbers, shift, dtype, found) for shift in (0, 4))
    pairs = ops.stack(list(halves), axis=1)  # [N, 2, ...]
    flat = ops.reshape(pairs, (-1, *numbers.shape[1:]))[:orig_len]
    return ops.moveaxis(flat, 0, axis)


def _nibble(numbers: Any, shift: int, dtype: str, found: str) -> Any:
    bits = ops.bitwise_and(ops.right_shift(numbers, ops.cast(shift, found)), ops.cast(15, found))
    if dtype == "int8":  # the fourth bit is the sign
        eight = ops.cast(8, found)
        bits = ops.subtract(ops.bitwise_xor(bits, eight), eight)
    return ops.cast(bits, dtype)


def _check_dtype(dtype: str) -> None:
    if dtype not in DTYPES:
        raise ValueError(f"Expected `dtype` to be one of {DTYPES}. Received: dtype={dtype!r}")
