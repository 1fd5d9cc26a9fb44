"""The functions of `keras.ops.image` that cut images and volumes into patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.ops.uniform import attribute, operand


def extract_patches(
    images: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return windows of images, each flattened into the channels.

    [B, H, W, C] to [B, H', W', h * w * C]. A size of three numbers cuts volumes
    [B, D, H, W, C]. `strides` None means `size`.

    Raises:
        TypeError: the size is neither an integer nor a tuple.
        ValueError: the size is not of two or three numbers, or the rank does not fit it.
    """
    if isinstance(size, (int, np.integer)):
        return _patches(images, (int(size),) * 2, strides, dilation_rate, padding, data_format)
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple. "
            f"Received: size={size} of type {type(size).__name__}"
        )
    if len(size) not in (2, 3):
        raise ValueError(
            "Invalid `size` argument. Expected a tuple of length 2 or 3. "
            f"Received: size={size} with length {len(size)}"
        )
    return _patches(images, tuple(size), strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return windows of volumes [B, D, H, W, C], each flattened into the channels.

    Raises:
        TypeError: the size is not an integer or three of them.
        ValueError: the strides are not, or the rank is not 4 or 5.
    """
    if isinstance(size, (int, np.integer)):
        size = (int(size),) * 3
    if len(size) != 3:
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple of length 3. "
            f"Received: size={size}"
        )
    return _patches(volumes, tuple(size), strides, dilation_rate, padding, data_format)


def _patches(
    images: Any,
    size: tuple[int, ...],
    strides: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
) -> Any:
    images, rank = operand(images), len(size)
    if len(images.shape) not in (rank + 1, rank + 2):
        raise ValueError(
            f"Expected a tensor of rank {rank + 1}, or {rank + 2} for a batch, for patches of "
            f"size {size}. Received: shape={tuple(images.shape)}"
        )
    return apply(
        "image.extract_patches",
        images,
        size=attribute("", size),
        strides=_per_axis(strides or size, rank, "strides"),
        dilation_rate=_per_axis(dilation_rate, rank, "dilation_rate"),
        padding=padding,
        data_format=standardize_data_format(data_format),
    )


def _per_axis(value: Any, rank: int, name: str) -> tuple[int, ...]:
    found = (value,) * rank if isinstance(value, (int, np.integer)) else tuple(value)
    if len(found) == rank:
        return attribute("", found)
    raise ValueError(
        f"Invalid `{name}` argument. Expected an int or a tuple of length {rank}. "
        f"Received: {name}={value}"
    )
