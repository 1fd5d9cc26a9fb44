"""What changes the colours of pictures, and their dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from graphc.keras import ops
from graphc.tensorflow.dtypes import as_dtype
from graphc.tensorflow.naming import renamed

hsv_to_rgb = renamed(ops.image.hsv_to_rgb)
rgb_to_grayscale = renamed(ops.image.rgb_to_grayscale)
rgb_to_hsv = renamed(ops.image.rgb_to_hsv)


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """Return a picture in another dtype: integers are from 0 to their largest, floats to 1."""
    image = ops.convert_to_tensor(image)
    before, after = as_dtype(image.dtype), as_dtype(dtype)
    if before == after:
        return image
    if before.is_floating and after.is_floating:
        return ops.cast(image, after)
    if before.is_integer and after.is_floating:
        return ops.multiply(ops.cast(image, after), 1.0 / before.max)
    if before.is_floating:
        return ops.saturate_cast(ops.multiply(image, after.max + 0.5), after)
    whole = ops.cast(image, "float32") * (jnp.iinfo(after).max / jnp.iinfo(before).max)
    return ops.saturate_cast(whole, after)


def as_floats(image: Any, change: Callable[[Any], Any]) -> Any:
    """Return what a function makes of a picture of floats, in the picture's own dtype."""
    image = ops.convert_to_tensor(image)
    before = as_dtype(image.dtype)
    if before.is_floating:
        return change(image)
    return convert_image_dtype(change(convert_image_dtype(image, "float32")), before, saturate=True)


def adjust_brightness(image: Any, delta: Any) -> Any:
    """Return the picture with `delta` (of 1) added."""
    return as_floats(image, lambda x: ops.add(x, delta))


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Return pictures whose differences from each channel's mean are so many times larger."""

    def change(x: Any) -> Any:
        mean = ops.mean(x, axis=(-3, -2), keepdims=True)
        return ops.add(ops.multiply(ops.subtract(x, mean), contrast_factor), mean)

    return as_floats(images, change)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """Return gain · image ^ gamma."""
    return as_floats(image, lambda x: ops.multiply(ops.power(x, gamma), gain))


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Any:
    """Return an RGB picture whose colours are so many times stronger."""

    def change(x: Any) -> Any:
        hue, strength, value = ops.unstack(ops.image.rgb_to_hsv(x), axis=-1)
        strength = ops.clip(ops.multiply(strength, saturation_factor), 0.0, 1.0)
        return ops.image.hsv_to_rgb(ops.stack([hue, strength, value], axis=-1))

    return as_floats(image, change)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Any:
    """Return an RGB picture whose hues are turned by `delta`, of which 1 is a whole circle."""

    def change(x: Any) -> Any:
        hue, strength, value = ops.unstack(ops.image.rgb_to_hsv(x), axis=-1)
        turned = ops.mod(ops.add(hue, delta), 1.0)
        return ops.image.hsv_to_rgb(ops.stack([turned, strength, value], axis=-1))

    return as_floats(image, change)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """Return pictures [..., 1] as [..., 3]."""
    return ops.repeat(images, 3, axis=-1)


def per_image_standardization(image: Any) -> Any:
    """Return each picture less its mean, by its standard deviation (or 1 / √pixels if larger)."""
    image = ops.cast(image, "float32")
    pixels = image.shape[-3] * image.shape[-2] * image.shape[-1]
    mean = ops.mean(image, axis=(-3, -2, -1), keepdims=True)
    deviation = ops.std(image, axis=(-3, -2, -1), keepdims=True)
    return ops.divide(ops.subtract(image, mean), ops.maximum(deviation, pixels**-0.5))
