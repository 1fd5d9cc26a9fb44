"""Numbers about pictures."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.tensorflow.naming import renamed

sobel_edges = renamed(ops.image.sobel_edges, image="images")
ssim = renamed(ops.image.ssim, img1="image1", img2="image2")


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """Return the peak signal-to-noise ratio in decibels of each pair of pictures."""
    difference = ops.subtract(ops.cast(a, "float32"), ops.cast(b, "float32"))
    error = ops.mean(ops.square(difference), axis=(-3, -2, -1))
    return ops.subtract(20 * ops.log10(ops.cast(max_val, "float32")), 10 * ops.log10(error))


def total_variation(images: Any, name: str | None = None) -> Any:
    """Return the sum of the differences between neighbouring pixels of each picture."""
    images = ops.convert_to_tensor(images)
    down = ops.absolute(images[..., 1:, :, :] - images[..., :-1, :, :])
    right = ops.absolute(images[..., :, 1:, :] - images[..., :, :-1, :])
    axes = (-3, -2, -1)
    return ops.add(ops.sum(down, axis=axes), ops.sum(right, axis=axes))
