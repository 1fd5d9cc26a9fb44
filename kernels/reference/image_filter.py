"""Filters of images: blur, edges and structural similarity, under `image.*`."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import inexact
from graphc.kernels.registry import op

SOBEL_X = ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))


def gaussian_kernel(
    size: tuple[int, int],
    sigma: tuple[ArrayLike, ArrayLike],
    dtype: jnp.dtype,
    reach: ArrayLike | None = None,
) -> Array:
    """A Gaussian of sum 1 over `size` (width, height) as [height, width]; zero beyond `reach`."""

    def line(length: int, spread: ArrayLike) -> Array:
        x = jnp.arange(length, dtype=dtype) - jnp.asarray((length - 1) / 2, dtype)
        values = jnp.exp(-0.5 * (x / spread) ** 2)
        values = values if reach is None else jnp.where(jnp.abs(x) <= reach, values, 0)
        return values / jnp.sum(values)

    return jnp.outer(line(size[1], sigma[1]), line(size[0], sigma[0]))


def separate_channels(batch: Array, kernel: Array, padding: str = "SAME") -> Array:
    """[B, H, W, C] with each channel convolved with the same `kernel` [h, w]."""
    channels = batch.shape[-1]
    return lax.conv_general_dilated(
        batch,
        jnp.broadcast_to(kernel[..., None, None], (*kernel.shape, 1, channels)),
        window_strides=(1, 1),
        padding=padding,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=channels,
    )


def _channels_last(images: ArrayLike, data_format: str) -> Array:
    array = jnp.asarray(images)
    batch = array[None] if array.ndim == 3 else array
    return jnp.moveaxis(batch, 1, -1) if data_format == "channels_first" else batch


@op("image.gaussian_blur")
def gaussian_blur(
    images: ArrayLike,
    sigma: ArrayLike,
    *,
    kernel_size: tuple[int, int],
    data_format: str = "channels_last",
) -> Array:
    """Images blurred by a Gaussian of widths `sigma` (x, y), zeros lying around them."""
    batch = _channels_last(images, data_format)
    width, height = jnp.asarray(sigma, batch.dtype)
    kernel = gaussian_kernel(kernel_size, (width, height), batch.dtype)
    blurred = separate_channels(batch, kernel.astype(batch.dtype))
    blurred = jnp.moveaxis(blurred, -1, 1) if data_format == "channels_first" else blurred
    return blurred[0] if jnp.ndim(images) == 3 else blurred


@op("image.sobel_edges")
def sobel_edges(images: ArrayLike, *, data_format: str = "channels_last") -> Array:
    """The derivatives along y and x, in a new last axis, of a batch of images."""
    batch = _channels_last(images, data_format)
    kernel = jnp.asarray(SOBEL_X, batch.dtype)
    edges = jnp.stack([separate_channels(batch, k) for k in (kernel.T, kernel)], axis=-1)
    return jnp.moveaxis(edges, 3, 1) if data_format == "channels_first" else edges


@op("image.ssim")
def ssim(
    image1: ArrayLike,
    image2: ArrayLike,
    *,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str = "channels_last",
) -> Array:
    """The structural similarity [B] of two batches of images (of two images: a scalar).

    Source: Wang et al., "Image quality assessment: from error visibility to structural
    similarity", 2004.
    """
    first, second = (inexact(_channels_last(image, data_format)) for image in (image1, image2))
    sizes, widths = (filter_size, filter_size), (filter_sigma, filter_sigma)
    kernel = gaussian_kernel(sizes, widths, first.dtype)
    pairs = (first, second, first * first, second * second, first * second)
    mean1, mean2, square1, square2, product = (
        separate_channels(pair, kernel, "VALID") for pair in pairs
    )
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    variances = (square1 - mean1 * mean1) + (square2 - mean2 * mean2)
    covariance = product - mean1 * mean2
    above = (2.0 * (mean1 * mean2) + c1) * (2.0 * covariance + c2)
    below = (mean1 * mean1 + mean2 * mean2 + c1) * (variances + c2)
    scores = jnp.mean(above / below, axis=(1, 2, 3))
    return (scores[0] if jnp.ndim(image1) == 3 else scores).astype(jnp.asarray(image1).dtype)
