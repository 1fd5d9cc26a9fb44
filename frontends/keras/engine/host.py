"""What of a model runs on the host: tensors of strings, and the sessions that run their layers.

XLA knows no strings, so a layer that reads them computes with NumPy before the compiled step. Such
a layer has `runs_on_host = True`; a session decides what it does while a graph is being traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np


class HostTensor:
    """A tensor of strings inside a trace: a shape, and the strings where they are needed."""

    dtype = "string"

    def __init__(self, shape: tuple[int, ...], array: np.ndarray | None = None) -> None:
        self.shape = tuple(shape)
        self.array = array

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def fitted(self, ndim: int) -> HostTensor:
        """Return this tensor with a last axis of size 1 added or removed, if that gives `ndim`."""
        if self.ndim == ndim - 1:
            shape = (*self.shape, 1)
        elif self.ndim == ndim + 1 and self.shape[-1] == 1:
            shape = self.shape[:-1]
        else:
            return self
        return HostTensor(shape, None if self.array is None else self.array.reshape(shape))

    def __repr__(self) -> str:
        return f"<HostTensor shape={self.shape}, dtype=string>"

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A tensor of strings can only go into a layer that turns strings into numbers, such as "
            f"StringLookup, TextVectorization or Hashing. Received: {self!r}"
        )

    __array__ = __jax_array__ = __iter__ = __bool__ = __float__ = __int__ = _refuse


class HostSession(Protocol):
    """What calling a host layer means while a model is traced."""

    trace: Any  # the trace it is about; an inner one only asks for shapes

    def wants(self, layer: Any, inputs: Any) -> bool:
        """Return whether a layer that could as well be compiled is to run on the host."""
        ...

    def run(self, layer: Any, inputs: Any) -> Any:
        """Return the layer's output."""
        ...


_SESSION: ContextVar[HostSession | None] = ContextVar("graphc_host_session", default=None)


def current_session() -> HostSession | None:
    """Return the innermost session, if any."""
    return _SESSION.get()


@contextmanager
def in_session(session: HostSession) -> Iterator[None]:
    """Let host layers that are called inside ask `session`."""
    token = _SESSION.set(session)
    try:
        yield
    finally:
        _SESSION.reset(token)
