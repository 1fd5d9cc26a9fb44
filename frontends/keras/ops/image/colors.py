"""The functions of `keras.ops.image` about colours."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.ops.image.checks import check_channels, check_floats, check_rank
from graphc.keras.ops.uniform import operand


def rgb_to_grayscale(images: Any, data_format: str | None = None) -> Any:
    """Return the luma of RGB images, with one channel, in their dtype.

    Raises:
        ValueError: the rank is not 3 or 4, or the channels are not 3 or 1.
    """
    images, data_format = operand(images), standardize_data_format(data_format)
    check_rank(images)
    check_channels(images, data_format, (1, 3))
    return apply("image.rgb_to_grayscale", images, data_format=data_format)


def rgb_to_hsv(images: Any, data_format: str | None = None) -> Any:
    """Return hue, saturation and value, all in [0, 1], of float RGB images in [0, 1].

    Raises:
        ValueError: the rank is not 3 or 4, the channels are not 3, or the dtype is not a float.
    """
    return _converted("image.rgb_to_hsv", images, data_format)


def hsv_to_rgb(images: Any, data_format: str | None = None) -> Any:
    """Return the RGB images, in [0, 1], whose hue, saturation and value are given.

    Raises:
        ValueError: the rank is not 3 or 4, the channels are not 3, or the dtype is not a float.
    """
    return _converted("image.hsv_to_rgb", images, data_format)


def _converted(op: str, images: Any, data_format: str | None) -> Any:
    images, data_format = operand(images), standardize_data_format(data_format)
    check_rank(images)
    check_floats(images)
    check_channels(images, data_format, (3,))
    return apply(op, images, data_format=data_format)
