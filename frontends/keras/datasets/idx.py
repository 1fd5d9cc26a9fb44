"""The idx format of MNIST and its kin: a short header and then bytes."""

import math

import numpy as np

_UINT8 = 0x08


def parse_idx(content: bytes) -> np.ndarray:
    """The uint8 array that an idx file holds.

    The header is two zero bytes, the type, the number of axes, and each axis's length as a
    big-endian 32-bit integer.

    Raises:
        ValueError: the header is of another kind, or the length does not agree with it.
    """
    if len(content) < 4 or content[:3] != bytes([0, 0, _UINT8]):
        raise ValueError(f"Expected an idx file of uint8. Received: {content[:4]!r} at its start")
    rank = content[3]
    shape = tuple(int(n) for n in np.frombuffer(content[4 : 4 + 4 * rank], ">u4"))
    values = np.frombuffer(content, np.uint8, offset=min(4 + 4 * rank, len(content)))
    if len(shape) != rank or values.size != math.prod(shape):
        raise ValueError(f"Expected {math.prod(shape)} values {shape}. Received: {values.size}")
    return values.reshape(shape).copy()  # the buffer is read-only
