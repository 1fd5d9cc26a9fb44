"""Checks of the arguments of image layers: factors, ranges of values, modes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

Range = tuple[float, float]


def bounded_factor(factor: Any, bounds: Range, name: str = "factor") -> Range:
    """Return a factor as (lower, upper); a number f stands for (-f, f), cut off at the bounds.

    Two numbers are sorted; they must overlap the bounds.

    Raises:
        ValueError: neither a number nor two of them, or out of bounds.
    """
    low, high = bounds
    if isinstance(factor, (tuple, list)):
        if len(factor) == 2 and factor[0] <= high and factor[1] >= low:
            return _sorted(factor)
    elif isinstance(factor, (int, float)) and low <= factor <= high:
        return max(-abs(factor), low), abs(factor)
    raise _out_of_range(name, f"[{low}, {high}]", factor)


def strict_factor(
    factor: Any, bounds: Range, name: str, open_below: bool = False, symmetric: bool = True
) -> Range:
    """Return a factor as (lower, upper); a number f stands for (-|f|, |f|), else for (0, f).

    Raises:
        ValueError: neither a number nor two of them, or one is out of bounds.
    """
    low, high = bounds
    several = isinstance(factor, (tuple, list))
    numbers = factor if several else [factor]
    right = len(numbers) == (2 if several else 1)
    inside = (
        isinstance(n, (int, float)) and low <= n <= high and not (open_below and n == low)
        for n in numbers
    )  # fmt: skip
    if not right or not all(inside):
        raise _out_of_range(name, f"{'(' if open_below else '['}{low}, {high}]", factor)
    if several:
        return _sorted(factor)
    return (-abs(factor), abs(factor)) if symmetric else (0, factor)


def value_limits(value_range: Any) -> list[float]:
    """Return a range of values, sorted.

    Raises:
        ValueError: not a tuple or list of two numbers.
    """
    if isinstance(value_range, (tuple, list)) and len(value_range) == 2:
        return sorted(value_range)
    raise ValueError(
        "The `value_range` argument should be a list of two numbers. "
        f"Received: value_range={value_range}"
    )


def check_mode(value: Any, modes: Collection[str], name: str) -> str:
    """Return a mode that is among those supported.

    Raises:
        NotImplementedError: it is not.
    """
    if value in modes:
        return value
    raise NotImplementedError(
        f"Unknown `{name}` {value}. Expected one of {tuple(modes)}. Received: {name}={value!r}"
    )


def _sorted(pair: Any) -> Range:
    low, high = sorted(pair)
    return low, high


def _out_of_range(name: str, interval: str, factor: Any) -> ValueError:
    return ValueError(
        f"The `{name}` argument should be a number (or a list of two numbers) in the range "
        f"{interval}. Received: {name}={factor}"
    )
