"""How many bytes new variables may take while a file is loaded: as many as it could hold values of.

A configuration of a few bytes can ask for a layer of terabytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar


class Allowance:
    """The bytes that are left, and what gave them."""

    def __init__(self, size: int, what: object) -> None:
        self.size = self.left = size
        self.what = what


_ALLOWANCE: ContextVar[Allowance | None] = ContextVar("graphc_allowance", default=None)


@contextmanager
def allowing(size: int, what: object) -> Iterator[None]:
    """Let variables that are made inside take so many bytes together; `what` is said in errors."""
    token = _ALLOWANCE.set(Allowance(size, what))
    try:
        yield
    finally:
        _ALLOWANCE.reset(token)


def claim(name: str, shape: Sequence[int], itemsize: int) -> None:
    """Take the bytes of a new variable from the allowance, where there is one.

    Raises:
        ValueError: it has not so many.
    """
    allowance = _ALLOWANCE.get()
    if allowance is None:
        return
    needed = math.prod(shape) * itemsize
    if needed > allowance.left:
        raise ValueError(
            f"Variable '{name}' of shape {tuple(shape)} needs {needed} bytes. Expected at most "
            f"{allowance.size} for all variables of {allowance.what}, which holds far fewer."
        )
    allowance.left -= needed
