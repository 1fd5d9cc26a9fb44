"""Images read at moved places: affine, perspective and elastic maps under `image.*`.

Images are [B, H, W, C] or [H, W, C]; [B, C, H, W] or [C, H, W] with the channels first.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.image_filter import gaussian_kernel, separate_channels
from graphc.kernels.reference.promotion import at_least_float32
from graphc.kernels.registry import op

ORDERS = {"nearest": 0, "bilinear": 1}


@op("image.map_coordinates")
def map_coordinates(
    x: ArrayLike,
    coordinates: ArrayLike,
    *,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
) -> Array:
    """`x` read at `coordinates` [rank of x, ...]: the nearest element, or linear for order 1."""
    array, places = jnp.asarray(x), jnp.asarray(coordinates)
    return jax.scipy.ndimage.map_coordinates(array, tuple(places), order, fill_mode, fill_value)


@op("image.affine_transform")
def affine_transform(
    images: ArrayLike,
    transform: ArrayLike,
    *,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> Array:
    """Each output pixel (x, y) is the input at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    `transform` is (a0, a1, a2, b0, b1, b2) or those and (c0, c1), one for all images or one for
    each. As in Keras on JAX, c0 and c1 are not a perspective: they move channel k by k times
    (c1 in x, c0 in y).
    """
    batch, single = _batch_of(images, data_format)
    matrix = jnp.asarray(transform)
    matrix = jnp.broadcast_to(matrix, (batch.shape[0], matrix.shape[-1]))
    read = _reader(interpolation, fill_mode, fill_value, shared=matrix.shape[-1] == 6)
    height, width, channels = batch.shape[1:]
    y, x = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    if matrix.shape[-1] == 8:
        y, x = y[..., None], x[..., None]

    def one(image: Array, row: Array) -> Array:
        (a0, a1, a2, b0, b1, b2), rest = row[:6], row[6:]
        channel = jnp.arange(channels) if rest.size else None
        from_y = _products(row.dtype, (y, b1), (x, b0), (channel, rest[0] if rest.size else 0))
        from_x = _products(row.dtype, (y, a1), (x, a0), (channel, rest[1] if rest.size else 0))
        return read(image, jnp.stack([from_y + b2, from_x + a2]))

    return _as_given(jax.vmap(one)(batch, matrix), single, data_format)


def _products(dtype: jnp.dtype, *pairs: tuple[Array | None, ArrayLike]) -> Array:
    """The sum of the products, summed in at least float32 and rounded to `dtype` once."""
    terms = [
        at_least_float32(place.astype(dtype)) * at_least_float32(jnp.asarray(factor))
        for place, factor in pairs
        if place is not None
    ]
    return functools.reduce(jnp.add, terms).astype(dtype)


def _reader(
    interpolation: str, fill_mode: str, fill_value: float, shared: bool
) -> Callable[[Array, Array], Array]:
    """A function of an image [H, W, C] and places [2, ...], the same for all channels or not."""

    def read(channel: Array, places: Array) -> Array:
        return map_coordinates(
            channel,
            places,
            order=ORDERS[interpolation],
            fill_mode=fill_mode,
            fill_value=fill_value,
        )

    return jax.vmap(read, in_axes=(-1, None if shared else -1), out_axes=-1)


def _batch_of(images: ArrayLike, data_format: str) -> tuple[Array, bool]:
    """`images` as [B, H, W, C], and whether they were a single one."""
    array = jnp.asarray(images)
    single = array.ndim == 3
    batch = array[None] if single else array
    return (jnp.moveaxis(batch, 1, -1) if data_format == "channels_first" else batch), single


def _as_given(batch: Array, single: bool, data_format: str) -> Array:
    """The inverse of `_batch_of`."""
    batch = jnp.moveaxis(batch, -1, 1) if data_format == "channels_first" else batch
    return batch[0] if single else batch


@op("image.homography")
def homography(start_points: ArrayLike, end_points: ArrayLike) -> Array:
    """The perspective maps (a0 .. b2, c0, c1) [B, 8] that take the ends [B, 4, 2] to the starts."""
    (x, y), (u, v) = (jnp.moveaxis(jnp.asarray(p), -1, 0) for p in (start_points, end_points))
    zero, one = jnp.zeros_like(u), jnp.ones_like(u)
    rows_x = jnp.stack([u, v, one, zero, zero, zero, -x * u, -x * v], axis=-1)
    rows_y = jnp.stack([zero, zero, zero, u, v, one, -y * u, -y * v], axis=-1)
    matrix = jnp.concatenate([rows_x, rows_y], axis=1)  # [B, 8, 8]
    target = jnp.concatenate([x, y], axis=-1)[..., None]
    return jnp.linalg.solve(matrix, target)[..., 0]


@op("image.perspective_transform")
def perspective_transform(
    images: ArrayLike,
    start_points: ArrayLike,
    end_points: ArrayLike,
    *,
    interpolation: str = "bilinear",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> Array:
    """Images seen so that the corners at `start_points` come to `end_points` (x, y), [B, 4, 2]."""
    batch, single = _batch_of(images, data_format)
    points = [jnp.asarray(p, jnp.float32).reshape((-1, 4, 2)) for p in (start_points, end_points)]
    maps = homography(*points)
    maps = jnp.broadcast_to(maps, (batch.shape[0], 8))
    read = _reader(interpolation, "constant", fill_value, shared=True)
    y, x = jnp.arange(batch.shape[1])[:, None], jnp.arange(batch.shape[2])[None, :]

    def one(image: Array, m: Array) -> Array:
        depth = m[6] * x + m[7] * y + 1.0
        from_x = (m[0] * x + m[1] * y + m[2]) / depth
        from_y = (m[3] * x + m[4] * y + m[5]) / depth
        return read(image, jnp.stack([from_y, from_x]))

    return _as_given(jax.vmap(one)(batch, maps), single, data_format)


@op("image.elastic_transform")
def elastic_transform(
    images: ArrayLike,
    seed: ArrayLike,
    alpha: ArrayLike,
    sigma: ArrayLike,
    *,
    kernel_size: int,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    data_format: str = "channels_last",
) -> Array:
    """Images whose pixels are moved by `alpha` times smooth noise of width `sigma`.

    The same noise moves both coordinates, as in Keras on JAX. It is blurred over `6 sigma` pixels,
    rounded to an odd number, and never over more than `kernel_size`. Source: Simard, Steinkraus
    and Platt, "Best practices for convolutional neural networks", 2003.
    """
    batch, single = _batch_of(images, data_format)
    count, height, width, _ = batch.shape
    key = jax.random.wrap_key_data(jnp.asarray(seed, jnp.uint32), impl="threefry2x32")
    noise = jax.random.normal(key, (count, height, width), batch.dtype) * sigma
    spread = jnp.asarray(sigma, noise.dtype)
    reach = (6 * jnp.asarray(sigma)).astype(jnp.int32) // 2
    kernel = gaussian_kernel((kernel_size, kernel_size), (spread, spread), noise.dtype, reach)
    moved = separate_channels(noise[..., None], kernel)[..., 0] * alpha  # [B, H, W]
    places = jnp.stack([jnp.arange(height)[:, None] + moved, jnp.arange(width) + moved], axis=1)
    read = _reader(interpolation, fill_mode, fill_value, shared=True)
    return _as_given(jax.vmap(read)(batch, places).astype(batch.dtype), single, data_format)


@op("image.scale_and_translate")
def scale_and_translate(
    images: ArrayLike,
    scale: ArrayLike,
    translation: ArrayLike,
    *,
    output_shape: tuple[int, ...],
    spatial_dims: tuple[int, ...],
    method: str,
    antialias: bool = True,
) -> Array:
    """`images` scaled, then moved, along `spatial_dims`, in a frame of `output_shape`."""
    return jax.image.scale_and_translate(
        jnp.asarray(images),
        output_shape,
        spatial_dims,
        jnp.asarray(scale),
        jnp.asarray(translation),
        method,
        antialias,
    )
