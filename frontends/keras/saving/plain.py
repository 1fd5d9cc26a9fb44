"""Plain Python values as JSON, with the arrays among them beside it."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

SCALARS = (bool, int, float, str, type(None))


class NotPlainError(TypeError):
    """A value that is neither a number, a string, an array nor a container of such."""


def encode(value: Any, arrays: list[np.ndarray]) -> Any:
    """Return `value` as JSON can hold it; arrays are appended to `arrays`.

    Raises:
        NotPlainError: it holds something else.
    """
    if isinstance(value, SCALARS):
        return value
    if isinstance(value, (np.ndarray, np.generic, jax.Array)):
        arrays.append(np.asarray(value))
        return {"array": len(arrays) - 1}
    if isinstance(value, list):
        return [encode(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, arrays) for item in value]}
    if isinstance(value, dict):
        pairs = [[encode(key, arrays), encode(item, arrays)] for key, item in value.items()]
        return {"dict": pairs}
    raise NotPlainError(f"Expected plain values. Received: {value!r}")


def decode(data: Any, arrays: list[np.ndarray]) -> Any:
    """Return what `encode` was given."""
    if isinstance(data, list):
        return [decode(item, arrays) for item in data]
    if not isinstance(data, dict):
        return data
    ((kind, content),) = data.items()
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(decode(item, arrays) for item in content)
    return {decode(key, arrays): decode(item, arrays) for key, item in content}


def plain_attributes(owner: Any, names: Any) -> dict[str, Any]:
    """Return those of an object's attributes that are plain."""
    found: dict[str, Any] = {}
    for name in names:
        value = getattr(owner, name)
        try:
            encode(value, [])
        except NotPlainError:
            continue
        found[name] = value
    return found
