"""`renamed`: a function of Keras under TensorFlow's names for its arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any


def renamed(function: Callable[..., Any], **names: str) -> Callable[..., Any]:
    """Return a function that takes TensorFlow's arguments, in the order that Keras's have.

    Args:
        function: of Keras.
        names: Keras's name of an argument, by TensorFlow's. `name`, which TensorFlow's functions
            all take, is accepted and has no effect.
    """

    @wraps(function)
    def call(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        return function(*args, **{names.get(key, key): kwargs[key] for key in kwargs})

    return call


def binary(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of two tensors whose arguments are called `x` and `y`."""
    return renamed(function, x="x1", y="x2")


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of `input_tensor`, `axis` and `keepdims`."""
    return renamed(function, input_tensor="x")
