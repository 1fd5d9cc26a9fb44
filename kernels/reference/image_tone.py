"""Tones of images spread by their histograms: `image.equalize` and `image.clahe`."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.image import channel_axis
from graphc.kernels.registry import op

LEVELS = 256
TOP = 255


@op("image.equalize")
def equalize(
    images: ArrayLike,
    *,
    bins: int = LEVELS,
    value_range: tuple[float, float] = (0, TOP),
    data_format: str = "channels_last",
) -> Array:
    """Images whose values are spread evenly, each channel by its histogram over the whole batch."""
    array, axis = jnp.asarray(images), channel_axis(data_format)
    low, high = value_range
    scale = TOP / (high - low)
    back = (high - low) / TOP
    channels = jnp.moveaxis(array * scale + (0 - low * scale), axis, 0)
    spread = jnp.stack([_equalized(channel, bins) for channel in channels])
    return jnp.moveaxis(spread * back + low, 0, axis).astype(array.dtype)


def _equalized(channel: Array, bins: int) -> Array:
    """A channel with values from 0 to 255, spread; a constant one stays as it is."""
    places = (channel.astype(jnp.float32) * (bins - 1) / TOP).astype(jnp.int32)
    histogram = jnp.bincount(jnp.clip(places, 0, bins - 1).ravel(), length=bins)
    total = jnp.cumsum(histogram)
    least = total[jnp.argmax(total > 0)]
    rest = total[-1] - least
    table = (total - least).astype(jnp.float32) * TOP / jnp.where(rest == 0, 1, rest)
    table = jnp.clip(jnp.round(table), 0, TOP)
    indices = jnp.clip(channel / float(TOP) * (bins - 1), 0, bins - 1).astype(jnp.int32)
    return jnp.where(jnp.count_nonzero(histogram) <= 1, channel, table[indices])


@op("image.clahe")
def clahe(
    images: ArrayLike, *, clip_limit: float = 4.0, tile_grid_size: tuple[int, int] = (8, 8)
) -> Array:
    """Images [B, H, W, C] from 0 to 255, each tile of the grid equalized with limited contrast.

    Between the centres of tiles the maps of tones are interpolated. Source: Pizer et al.,
    "Adaptive histogram equalization and its variations", 1987.
    """
    array = jnp.asarray(images)
    height, width = array.shape[1:3]
    rows, columns = tile_grid_size
    tile = -(-height // rows), -(-width // columns)
    margins = ((0, 0), (0, tile[0] * rows - height), (0, tile[1] * columns - width), (0, 0))
    pixels = jnp.clip(jnp.pad(array, margins, mode="symmetric"), 0, TOP).astype(jnp.int32)
    maps = _tone_maps(pixels, tile, tile_grid_size, clip_limit)
    return _interpolated(maps, pixels, tile)[:, :height, :width]


def _tone_maps(
    pixels: Array, tile: tuple[int, int], grid: tuple[int, int], clip_limit: float
) -> Array:
    """The map of tones of every tile, [B, rows, columns, C, 256]."""
    count, channels, area = pixels.shape[0], pixels.shape[-1], tile[0] * tile[1]
    tiles = pixels.reshape((count, grid[0], tile[0], grid[1], tile[1], channels))
    flat = tiles.transpose((0, 1, 3, 5, 2, 4)).reshape((-1, area))
    tile_index = jnp.arange(flat.shape[0])[:, None]
    histograms = jnp.zeros((flat.shape[0], LEVELS), jnp.float32).at[tile_index, flat].add(1.0)
    if clip_limit > 0:
        clipped = jnp.clip(histograms, 0, clip_limit * area / LEVELS)
        excess = jnp.sum(histograms - clipped, axis=-1, keepdims=True)
        histograms = clipped + excess / LEVELS
    total = jnp.cumsum(histograms, axis=-1)
    least = jnp.min(total, axis=-1, keepdims=True)
    rest = area - least
    tones = jnp.clip((total - least) * TOP / jnp.where(rest == 0, 1.0, rest), 0, TOP)
    return tones.reshape((count, *grid, channels, LEVELS))


def _interpolated(maps: Array, pixels: Array, tile: tuple[int, int]) -> Array:
    """Every pixel's tone, from the maps of the four tiles whose centres are nearest."""
    edged = jnp.pad(maps, ((0, 0), (1, 1), (1, 1), (0, 0), (0, 0)), mode="edge")
    (y0, y1, weight_y), (x0, x1, weight_x) = (
        _neighbours(pixels.shape[axis], tile[axis - 1], maps.shape[axis]) for axis in (1, 2)
    )
    sample = jnp.arange(pixels.shape[0])[:, None, None, None]
    channel = jnp.arange(pixels.shape[-1])

    def tones(y: Array, x: Array) -> Array:
        return edged[sample, y[:, None, None], x[:, None], channel, pixels]

    weight_y, weight_x = weight_y[:, None, None], weight_x[:, None]
    upper = tones(y0, x0) * (1.0 - weight_x) + tones(y0, x1) * weight_x
    lower = tones(y1, x0) * (1.0 - weight_x) + tones(y1, x1) * weight_x
    return upper * (1.0 - weight_y) + lower * weight_y


def _neighbours(length: int, tile: int, count: int) -> tuple[Array, Array, Array]:
    """For each place, the tiles before and after it (0 is the edge), and how near the second is."""
    place = (jnp.arange(length, dtype=jnp.float32) - tile / 2.0) / tile + 1.0
    before = jnp.floor(place)
    first, second = (jnp.clip(b, 0, count + 1).astype(jnp.int32) for b in (before, before + 1.0))
    return first, second, place - before
