"""Checks of window arguments: sizes, strides, paddings, and the lengths that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def standardize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """Return `value` as a tuple of `n` integers; one integer stands for all of them.

    Raises:
        ValueError: not an integer or `n` of them, or one is not positive (with `allow_zero`, is
            negative).
    """
    found = (value,) * n if isinstance(value, (int, np.integer)) else value
    sized = isinstance(found, Sequence) and not isinstance(found, str) and len(found) == n
    least = 0 if allow_zero else 1
    if sized and all(isinstance(item, (int, np.integer)) and item >= least for item in found):
        return tuple(int(item) for item in found)
    raise ValueError(
        f"The `{name}` argument must be a tuple of {n} integers, each at least {least}. "
        f"Received: {name}={value!r}"
    )


def standardize_padding(padding: Any, allow_causal: bool = False) -> str:
    """Return the padding mode in lower case.

    Raises:
        ValueError: not "valid" or "same" (or "causal", where that is allowed).
    """
    modes = ("valid", "same", "causal") if allow_causal else ("valid", "same")
    found = padding.lower() if isinstance(padding, str) else padding
    if found in modes:
        return found
    raise ValueError(f"Expected `padding` to be one of {modes}. Received: padding={padding!r}")


def positive_integer(value: Any, name: str) -> int:
    """Return `value` if it is a positive integer.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value > 0:
        return int(value)
    raise ValueError(f"Expected `{name}` to be a positive integer. Received: {name}={value!r}")


def pairs(value: Any, n: int, name: str) -> tuple[tuple[int, int], ...]:
    """Return `n` pairs of non-negative integers (before, after), one for each spatial axis.

    One integer stands for all; a tuple holds an integer or a pair for each axis.

    Raises:
        ValueError: any other form.
    """
    value = (value,) * n if isinstance(value, (int, np.integer)) else value
    if not isinstance(value, Sequence) or len(value) != n:
        raise ValueError(
            f"Expected `{name}` to be an integer or a tuple of {n} integers or pairs of integers. "
            f"Received: {name}={value!r}"
        )
    found = [standardize_tuple(item, 2, name, allow_zero=True) for item in value]
    return tuple((before, after) for before, after in found)


def spatial_axes(rank: int, data_format: str) -> tuple[int, ...]:
    """Return the spatial axes of a batch of images with `rank` of them."""
    first = 2 if data_format == "channels_first" else 1
    return tuple(range(first, first + rank))


def check_windows_fit(
    name: str,
    shape: Sequence[int | None],
    axes: Sequence[int],
    extents: Sequence[int],
    padding: str,
) -> None:
    """Check that at least one window of the layer `name` fits along every spatial axis.

    Raises:
        ValueError: with "valid" padding, a window is longer than its axis.
    """
    if padding != "valid":
        return
    for axis, extent in zip(axes, extents, strict=True):
        size = shape[axis]
        if size is not None and size < extent:
            raise ValueError(
                f"The output of layer '{name}' would be empty: a window spans {tuple(extents)} "
                f"elements, more than axis {axis} has. "
                f"Received: input shape={tuple(shape)}, padding={padding!r}"
            )
