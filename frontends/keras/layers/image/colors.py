"""Layers that change the colours of images at random: hue, saturation, grey, jitter."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.engine.settings import epsilon
from graphc.keras.layers.image.base import ColorLayer, Shape, batch_size, rescaled
from graphc.keras.layers.image.factors import value_limits
from graphc.keras.layers.image.tones import RandomBrightness, RandomContrast

UNIT = (0, 1)


class _RandomColor(ColorLayer):
    """Draws a factor for each image, at inference too, as in Keras."""

    draws_at_inference = True
    sorts_range = True

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        limits = value_limits(value_range) if self.sorts_range else value_range
        self.configure(factor=self.bounded(factor), value_range=limits)
        self.seed_with(seed)

    def draw(self, shape: Shape, seed: Any) -> Any:
        """Return numbers of this shape between the two of the factor."""
        return random.uniform(shape, *self.factor, seed=seed)

    def replaced(self, images: Any, index: int, change: Any) -> Any:
        """Return images with `change` applied to the channel `index`."""
        axis = self.axes()[2]
        channels = ops.unstack(images, axis=axis)
        channels[index] = change(channels[index])
        return ops.stack(channels, axis=axis)


class RandomHue(_RandomColor):
    """Turns the hues of each image by a random angle while training.

    Args:
        factor: the largest change, in [0, 1]; 1 is half a turn.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    _FACTOR_BOUNDS = (0, 1)
    sorts_range = False

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the turns, as parts of a full one."""
        count = batch_size(shape)
        sign = random.uniform((count,), seed=seed)
        sign = ops.where(sign > 0.5, -ops.ones_like(sign), ops.ones_like(sign))
        return {"factor": sign * self.draw((count,), seed) * 0.5}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, in other hues if training."""
        if not training:
            return images
        images = rescaled(ops.cast(images, self.compute_dtype), self.value_range, UNIT)
        turn = ops.cast(transformation["factor"], images.dtype)[:, None, None]

        def turned(hue: Any) -> Any:
            hue = hue + turn
            hue = ops.where(hue > 1.0, hue - 1.0, hue)
            return ops.where(hue < 0.0, hue + 1.0, hue)

        images = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        images = self.replaced(images, 0, turned)
        images = ops.image.hsv_to_rgb(images, data_format=self.data_format)
        images = rescaled(ops.clip(images, 0, 1), UNIT, self.value_range)
        return ops.cast(images, self.compute_dtype)


class RandomSaturation(_RandomColor):
    """Makes the colours of each image stronger or paler while training.

    Args:
        factor: 0.5 changes nothing, 0 gives grey, 1 full colours; a number f draws up to f.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return what the saturations are multiplied by."""
        factor = self.draw((batch_size(shape),), seed)
        return {"factor": factor / (1 - factor + epsilon())}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, in stronger or paler colours if training."""
        if not training:
            return images
        factor = ops.cast(transformation["factor"], self.compute_dtype)[:, None, None]
        images = ops.image.rgb_to_hsv(images, data_format=self.data_format)
        images = self.replaced(images, 1, lambda s: ops.clip(s * factor, *self.value_range))
        return ops.image.hsv_to_rgb(images, data_format=self.data_format)


class RandomColorDegeneration(_RandomColor):
    """Blends each image with its grey version while training.

    Args:
        factor: how grey: 0 leaves the image, 1 is grey; or the two ends.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return how grey each image becomes."""
        return {"factor": self.draw((batch_size(shape), 1, 1, 1), seed)}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, greyer if training."""
        if not training:
            return images
        images = ops.cast(images, self.compute_dtype)
        factor = ops.cast(transformation["factor"], self.compute_dtype)
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.clip(images + factor * (grey - images), *self.value_range)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs, which have three channels."""
        images = input_shape["images"] if isinstance(input_shape, dict) else input_shape
        if len(images) not in (3, 4):
            raise ValueError(
                "Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). "
                f"Received: input_shape={images}"
            )
        channels = images[self.axes()[2]]
        if channels not in (None, 3):
            raise ValueError(f"Expected images with 3 channels. Received: input_shape={images}")
        return input_shape


class RandomSharpness(_RandomColor):
    """Sharpens or smooths each image while training.

    Args:
        factor: 0.5 changes nothing, 0 smooths, 1 sharpens; in [0, 1], or the two ends.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return how sharp each image becomes."""
        return {"factor": self.draw((batch_size(shape),), seed)}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, sharper or smoother if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        if self.data_format == "channels_first":
            images = ops.swapaxes(images, -3, -1)
        factor = ops.cast(transformation["factor"] * 2, self.compute_dtype)[:, None, None, None]
        side, middle = 1.0 / 13.0, 5.0 / 13.0
        window = [[side] * 3, [side, middle, side], [side] * 3]
        kernel = ops.convert_to_tensor(window, dtype=self.compute_dtype)[:, :, None, None]
        kernel = ops.tile(kernel, (1, 1, images.shape[-1], 1))
        smooth = ops.depthwise_conv(
            images, kernel, strides=1, padding="same", data_format="channels_last"
        )
        images = ops.clip(images + (1.0 - factor) * (smooth - images), *self.value_range)
        return ops.swapaxes(images, -3, -1) if self.data_format == "channels_first" else images


class RandomGrayscale(ColorLayer):
    """Turns some images grey while training; they keep their channels.

    Args:
        factor: how probably, in [0, 1].
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    draws_at_inference = True
    keeps_dtype = True

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if not 0 <= factor <= 1:
            raise ValueError(f"Expected `factor` to be between 0 and 1. Received: factor={factor}")
        self.configure(factor=factor)
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images turn grey."""
        draw = random.uniform((batch_size(shape),), minval=0, maxval=1, seed=seed)
        return (draw < self.factor)[:, None, None, None]

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, some of them grey if training."""
        if not training:
            return images
        if transformation is None:
            transformation = self.get_random_transformation(images)
        grey = ops.image.rgb_to_grayscale(images, data_format=self.data_format)
        return ops.where(transformation, grey, images)


class RandomColorJitter(ColorLayer):
    """Changes brightness, contrast, saturation and hue at random, in this order, in training.

    Args:
        value_range: the range of the pixels.
        brightness_factor: see `RandomBrightness`; None leaves the brightness alone.
        contrast_factor: see `RandomContrast`.
        saturation_factor: see `RandomSaturation`.
        hue_factor: see `RandomHue`.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            value_range=value_range,
            brightness_factor=brightness_factor,
            contrast_factor=contrast_factor,
            saturation_factor=saturation_factor,
            hue_factor=hue_factor,
        )
        self.seed_with(seed)
        layers = {
            "brightness": RandomBrightness,
            "contrast": RandomContrast,
            "saturation": RandomSaturation,
            "hue": RandomHue,
        }
        for word, layer in layers.items():
            factor = getattr(self, f"{word}_factor")
            made = None if factor is None else layer(factor, value_range=value_range, seed=seed)
            setattr(self, f"random_{word}", made)

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, in other colours if training."""
        if not training:
            return images
        images = ops.cast(images, self.compute_dtype)
        for word in ("brightness", "contrast", "saturation", "hue"):
            layer = getattr(self, f"random_{word}")
            if layer is None:
                continue
            drawn = layer.get_random_transformation(images, seed=self.generator)
            drawn = {key: ops.cast(value, self.compute_dtype) for key, value in drawn.items()}
            images = layer.transform_images(images, drawn)
        return ops.cast(images, self.compute_dtype)
