"""Pictures changed by chance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras import ops
from graphc.keras import random as draws
from graphc.tensorflow.image import colors, frames
from graphc.tensorflow.random import stream


def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """Return each picture, or its mirror image, by even chance."""
    return _by_chance(image, frames.flip_left_right, seed)


def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """Return each picture as it is or upside down, by even chance."""
    return _by_chance(image, frames.flip_up_down, seed)


def _by_chance(image: Any, change: Callable[[Any], Any], seed: int | None) -> Any:
    image = ops.convert_to_tensor(image)
    chance = draws.uniform((*image.shape[:-3], 1, 1, 1), seed=stream(seed))
    return ops.where(ops.less(chance, 0.5), change(image), image)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """Return the picture with a number from -max_delta to max_delta added.

    Raises:
        ValueError: `max_delta` is negative.
    """
    _check(max_delta >= 0, "`max_delta` of at least 0", max_delta)
    return colors.adjust_brightness(image, _between(-max_delta, max_delta, seed))


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """Return the picture with its hues turned by a number from -max_delta to max_delta.

    Raises:
        ValueError: `max_delta` is not from 0 to 0.5.
    """
    _check(0 <= max_delta <= 0.5, "`max_delta` from 0 to 0.5", max_delta)
    return colors.adjust_hue(image, _between(-max_delta, max_delta, seed))


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """Return the picture with its contrast changed by a factor from `lower` to `upper`.

    Raises:
        ValueError: not 0 <= lower < upper.
    """
    _check(0 <= lower < upper, "0 <= lower < upper", (lower, upper))
    return colors.adjust_contrast(image, _between(lower, upper, seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """Return the picture with its colours changed by a factor from `lower` to `upper`.

    Raises:
        ValueError: not 0 <= lower < upper.
    """
    _check(0 <= lower < upper, "0 <= lower < upper", (lower, upper))
    return colors.adjust_saturation(image, _between(lower, upper, seed))


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """Return a block of that size from somewhere in the tensor.

    Raises:
        ValueError: the tensor is smaller.
    """
    value = ops.convert_to_tensor(value)
    sizes = tuple(int(one) for one in size)
    room = [have - want for have, want in zip(value.shape, sizes, strict=True)]
    _check(min(room) >= 0, f"`size` within {tuple(value.shape)}", sizes)
    free = [draws.randint((), 0, one + 1, seed=stream(seed)) if one else 0 for one in room]
    return ops.slice(value, free, sizes)


def _between(lower: float, upper: float, seed: int | None) -> Any:
    return draws.uniform((), lower, upper, seed=stream(seed))


def _check(holds: bool, expected: str, received: Any) -> None:
    if not holds:
        raise ValueError(f"Expected {expected}. Received: {received}")
