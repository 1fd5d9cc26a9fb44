"""`tf.strings`: the functions that keep the shape, over NumPy. They need the strings themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.tensorflow.absent import absent
from graphc.tensorflow.dtypes import as_dtype
from graphc.tensorflow.tensor import tensor


def _each(function: Callable[..., Any], *inputs: Any, dtype: Any = object) -> Any:
    """Return what a function makes of each string."""
    arrays = np.broadcast_arrays(*(np.asarray(one) for one in inputs))
    rows = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    found = np.empty(arrays[0].size, dtype)
    found[:] = [function(*map(_text, row)) for row in rows]
    return tensor(found.reshape(arrays[0].shape))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def lower(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """Return the strings in lower case."""
    return _each(str.lower, input)


def upper(input: Any, encoding: str = "", name: str | None = None) -> Any:
    """Return the strings in upper case."""
    return _each(str.upper, input)


def strip(input: Any, name: str | None = None) -> Any:
    """Return the strings without blanks about them."""
    return _each(str.strip, input)


def length(input: Any, unit: str = "BYTE", name: str | None = None) -> Any:
    """Return how many bytes, or where `unit` is "UTF8_CHAR" characters, each string has."""
    if unit == "BYTE":
        return _each(lambda text: len(text.encode()), input, dtype=np.int32)
    return _each(len, input, dtype=np.int32)


def regex_replace(
    input: Any, pattern: str, rewrite: str, replace_global: bool = True, name: Any = None
) -> Any:
    r"""Return the strings with what a regular expression finds replaced; \1 is its first group."""
    found = re.compile(_text(pattern))
    count = 0 if replace_global else 1
    return _each(lambda text: found.sub(_text(rewrite), text, count=count), input)


def regex_full_match(input: Any, pattern: str, name: str | None = None) -> Any:
    """Return whether a regular expression fits the whole of each string."""
    found = re.compile(_text(pattern))
    return _each(lambda text: found.fullmatch(text) is not None, input, dtype=np.bool_)


def join(inputs: Sequence[Any], separator: str = "", name: str | None = None) -> Any:
    """Return the strings of several tensors joined, element by element."""
    return _each(lambda *texts: separator.join(texts), *inputs)


def as_string(input: Any, name: str | None = None) -> Any:
    """Return numbers as strings."""
    return _each(str, input)


def to_number(input: Any, out_type: Any = "float32", name: str | None = None) -> Any:
    """Return the numbers that strings show."""
    return _each(float, input, dtype=np.dtype(str(as_dtype(out_type))))


__getattr__ = absent("tensorflow.strings", globals())
