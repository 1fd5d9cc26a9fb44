"""Images resized and cut into patches, and their colours converted: `image.*`.

Images are [B, H, W, C] or [H, W, C]; [B, C, H, W] or [C, H, W] with the channels first.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.core import saturate_cast
from graphc.kernels.reference.promotion import inexact
from graphc.kernels.registry import op

Size = tuple[int, int]


def channel_axis(data_format: str) -> int:
    """The axis of the channels, from the end, of images and of batches of them."""
    return -3 if data_format == "channels_first" else -1


def spatial_axes(ndim: int, data_format: str) -> Size:
    """The axes of height and width, from the start."""
    first = ndim - (2 if data_format == "channels_first" else 3)
    return first, first + 1


@op("image.resize")
def resize(
    images: ArrayLike,
    *,
    size: Size,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> Array:
    """`images` with another height and width, in their own dtype (integers are rounded).

    To keep the aspect ratio, the middle of the images is cut out first, or `fill_value` is put
    around them; else they are stretched.
    """
    array = jnp.asarray(images)
    axes = spatial_axes(array.ndim, data_format)
    fitted = array
    if crop_to_aspect_ratio:
        fitted = _cropped_to_ratio(array, size, axes)
    elif pad_to_aspect_ratio:
        fitted = _padded_to_ratio(array, size, axes, fill_value)
    shape = list(array.shape)
    shape[axes[0]], shape[axes[1]] = size
    resized = jax.image.resize(fitted, shape, method=interpolation, antialias=antialias)
    if resized.dtype == array.dtype:
        return resized
    rounded = jnp.round(resized) if jnp.issubdtype(array.dtype, jnp.integer) else resized
    return saturate_cast(rounded, dtype=str(array.dtype))


def _cropped_to_ratio(array: Array, size: Size, axes: Size) -> Array:
    height, width = (array.shape[axis] for axis in axes)
    wanted = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    for axis, length in zip(axes, wanted, strict=True):
        kept = max(min(array.shape[axis], length), 1)
        start = (array.shape[axis] - kept) // 2
        array = lax.slice_in_dim(array, start, start + kept, axis=axis)
    return array


def _padded_to_ratio(array: Array, size: Size, axes: Size, fill_value: float) -> Array:
    height, width = (array.shape[axis] for axis in axes)
    wanted = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    for axis, length in zip(axes, wanted, strict=True):
        margin = (max(array.shape[axis], length) - array.shape[axis]) // 2
        if margin == 0:
            continue
        shape = list(array.shape)
        shape[axis] = margin
        border = jnp.ones(shape, array.dtype) * fill_value
        return jnp.concatenate([border, array, border], axis=axis)
    return array


Borders = tuple[int | None, int | None, int | None]  # before, after, the new length: two of them


@op("image.pad_images")
def pad_images(
    images: ArrayLike, *, rows: Borders, columns: Borders, data_format: str = "channels_last"
) -> Array:
    """Images with zeros around them."""
    array = jnp.asarray(images)
    widths = [(0, 0)] * array.ndim
    for axis, border in zip(spatial_axes(array.ndim, data_format), (rows, columns), strict=True):
        before, after, target = border
        space = 0 if target is None else target - array.shape[axis]
        widths[axis] = (
            space - (after or 0) if before is None else before,
            space - (before or 0) if after is None else after,
        )
    return jnp.pad(array, widths)


@op("image.crop_images")
def crop_images(
    images: ArrayLike, *, rows: Borders, columns: Borders, data_format: str = "channels_last"
) -> Array:
    """A rectangle of the images."""
    array = jnp.asarray(images)
    for axis, border in zip(spatial_axes(array.ndim, data_format), (rows, columns), strict=True):
        (before, after, target), length = border, array.shape[axis]
        start = length - (target or 0) - (after or 0) if before is None else before
        stop = length - (after or 0) if target is None else start + target
        array = lax.slice_in_dim(array, start, stop, axis=axis)
    return array


@op("image.extract_patches")
def extract_patches(
    images: ArrayLike,
    *,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    dilation_rate: tuple[int, ...],
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Array:
    """Windows of images, or of volumes for three sizes, each flattened into the channels.

    [B, H, W, C] to [B, H', W', h * w * C]; the channels of a pixel lie together.
    """
    array, rank = jnp.asarray(images), len(size)
    lead = array.ndim - rank - 1  # 0 for a single image
    if data_format == "channels_first":
        array = jnp.moveaxis(array, lead, -1)
    batch = array if lead else array[None]  # [B, *spatial, C]
    tiles = strides == size and padding.lower() == "valid" and set(dilation_rate) == {1}
    patches = (
        _tiles(batch, size)
        if tiles
        else _windows(batch, size, strides, dilation_rate, padding.upper())
    )
    patches = patches if lead else patches[0]
    return jnp.moveaxis(patches, -1, lead) if data_format == "channels_first" else patches


def _tiles(batch: Array, size: tuple[int, ...]) -> Array:
    """Windows that neither overlap nor leave gaps: no more than a transposition."""
    rank, channels = len(size), batch.shape[-1]
    counts = [dim // length for dim, length in zip(batch.shape[1:-1], size, strict=True)]
    for axis, (count, length) in enumerate(zip(counts, size, strict=True), start=1):
        batch = lax.slice_in_dim(batch, 0, count * length, axis=axis)
    pairs = [n for pair in zip(counts, size, strict=True) for n in pair]
    split = batch.reshape((batch.shape[0], *pairs, channels))
    order = (0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1)
    flat = math.prod(size) * channels
    return split.transpose(order).reshape((batch.shape[0], *counts, flat))


def _windows(
    batch: Array,
    size: tuple[int, ...],
    strides: tuple[int, ...],
    dilation_rate: tuple[int, ...],
    padding: str,
) -> Array:
    spatial = "DHW"[-len(size) :]
    windows: Any = lax.conv_general_dilated_patches(
        batch.astype(jnp.result_type(batch.dtype, jnp.float16)),
        size,
        strides,
        padding,
        rhs_dilation=dilation_rate,
        dimension_numbers=(f"N{spatial}C", f"{spatial}IO", f"N{spatial}C"),
        precision=lax.Precision.HIGHEST,
    )
    # JAX puts the channel before the place in the window.
    shape = (*windows.shape[:-1], batch.shape[-1], math.prod(size))
    swapped = windows.reshape(shape).swapaxes(-1, -2)
    return swapped.reshape(windows.shape).astype(batch.dtype)


GRAY_WEIGHTS = (0.2989, 0.587, 0.114)  # ITU-R BT.601


@op("image.rgb_to_grayscale")
def rgb_to_grayscale(images: ArrayLike, *, data_format: str = "channels_last") -> Array:
    """The luma of images with 3 channels, as one channel; images with one stay as they are."""
    array, axis = jnp.asarray(images), channel_axis(data_format)
    if array.shape[axis] == 1:
        return array
    floats = inexact(array)
    weights = jnp.asarray(GRAY_WEIGHTS, floats.dtype)
    luma = jnp.tensordot(floats, weights, axes=(axis, -1))
    return jnp.expand_dims(luma, axis).astype(array.dtype)


@op("image.rgb_to_hsv")
def rgb_to_hsv(images: ArrayLike, *, data_format: str = "channels_last") -> Array:
    """Red, green and blue in [0, 1] as hue, saturation and value in [0, 1]."""
    array, axis = jnp.asarray(images), channel_axis(data_format)
    array = jnp.where(jnp.abs(array) < jnp.finfo(array.dtype).eps, 0.0, array)
    red, green, blue = (jnp.take(array, index, axis=axis) for index in range(3))
    value = jnp.maximum(jnp.maximum(red, green), blue)
    spread = value - jnp.minimum(jnp.minimum(red, green), blue)
    saturation = jnp.where(value > 0, spread / jnp.where(value > 0, value, 1.0), 0.0)
    norm = 1.0 / (6.0 * jnp.where(spread > 0, spread, 1.0))
    hue = jnp.where(
        value == green, norm * (blue - red) + 2.0 / 6.0, norm * (red - green) + 4.0 / 6.0
    )
    hue = jnp.where(value == red, norm * (green - blue), hue)
    hue = jnp.where(spread > 0, hue, 0.0) + (hue < 0.0).astype(hue.dtype)
    return jnp.stack([hue, saturation, value], axis=axis)


@op("image.hsv_to_rgb")
def hsv_to_rgb(images: ArrayLike, *, data_format: str = "channels_last") -> Array:
    """Hue, saturation and value in [0, 1] as red, green and blue."""
    array, axis = jnp.asarray(images), channel_axis(data_format)
    hue, saturation, value = (jnp.take(array, index, axis=axis) for index in range(3))
    turn = jnp.mod(hue, 1.0) * 6.0
    shares = (
        jnp.abs(turn - 3.0) - 1.0,
        2.0 - jnp.abs(turn - 2.0),
        2.0 - jnp.abs(turn - 4.0),
    )
    rest = 1.0 - saturation
    colors = [value * (rest + saturation * jnp.clip(share, 0.0, 1.0)) for share in shares]
    return jnp.stack(colors, axis=axis)
