"""Layers that change the brightness of pixels, at random or by their own tones."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.image.base import ColorLayer, Shape, batch_size, rescaled
from graphc.keras.layers.image.factors import strict_factor, value_limits

BYTES = (0, 255)


def one_an_image(shape: Shape) -> Shape:
    """Return the shape of one number an image that broadcasts against images of `shape`."""
    return (batch_size(shape), 1, 1, 1)[-len(shape) :]


class RandomBrightness(ColorLayer):
    """Adds a random number to each image while training.

    Args:
        factor: the largest change as a part of the range, in [-1, 1], or the two ends.
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(factor=factor, **kwargs)
        self.configure(factor=self.factor)
        self.seed_with(seed)
        self.configure(value_range=value_limits(value_range))

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return what is added to each image."""
        delta = random.uniform(one_an_image(shape), *self.factor, seed=seed)
        return {"rgb_delta": delta * (self.value_range[1] - self.value_range[0])}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, brighter or darker if training."""
        if not training:
            return images
        delta = ops.cast(transformation["rgb_delta"], images.dtype)
        return ops.clip(images + delta, *self.value_range)


class RandomContrast(ColorLayer):
    """Moves the values of each channel away from their mean, or towards it, while training.

    Args:
        factor: how much, in [0, 1]; the factor of contrast lies between 1 - lower and 1 + upper.
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.configure(factor=self.bounded(factor), value_range=value_range)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the factor of contrast of each image."""
        low, high = 1.0 - self.factor[0], 1.0 + self.factor[1]
        dtype = self.compute_dtype
        draw = random.uniform(one_an_image(shape), low, high, seed=seed, dtype=dtype)
        return {"contrast_factor": draw}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, with another contrast if training."""
        if not training:
            return images
        height, width, _ = self.axes()
        mean = ops.mean(ops.mean(images, axis=height, keepdims=True), axis=width, keepdims=True)
        changed = (images - mean) * transformation["contrast_factor"] + mean
        return ops.clip(changed, *self.value_range)


class RandomInvert(ColorLayer):
    """Turns the colours of some images into their opposites while training.

    Args:
        factor: how probably, in [0, 1]; two numbers: the probability is drawn between them.
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(factor=self.bounded(factor), value_range=value_range)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are inverted."""
        return {"apply_inversion": chosen(batch_size(shape), self.factor, seed)}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, some of them inverted if training."""
        if not training:
            return images
        images = ops.cast(images, self.compute_dtype)
        chosen_ones = transformation["apply_inversion"][:, None, None, None]
        return ops.where(chosen_ones, self.value_range[1] - images, images)


def chosen(count: int, factor: tuple[float, float], seed: Any) -> Any:
    """Return booleans [count], true with a probability that is drawn between two."""
    probability = random.uniform((count,), *factor, seed=seed)
    return random.uniform((count,), 0.0, 1.0, seed=seed) < probability


class RandomPosterization(ColorLayer):
    """Keeps only the highest bits of the pixels while training.

    Args:
        factor: how many bits, from 1 to 8, or the two ends.
        value_range: the range of the pixels.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (1, 8)
    draws_at_inference = True

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(factor=self.bounded(factor), value_range=value_limits(value_range))
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return how many bits of each image are dropped."""
        count, (low, high) = batch_size(shape), self.factor
        kept = (
            ops.ones((count,), dtype="uint8") * low
            if low == high
            else random.randint((count,), low, high, dtype="uint8", seed=seed)
        )
        return {"shift_factor": 8 - kept}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, with fewer tones if training."""
        if not training:
            return images
        shift = transformation["shift_factor"][:, None, None, None]
        dtype = self.compute_dtype
        tones = ops.cast(rescaled(images, self.value_range, BYTES, dtype), "uint8")
        tones = ops.bitwise_left_shift(ops.bitwise_right_shift(tones, shift), shift)
        return rescaled(ops.cast(tones, dtype), BYTES, self.value_range, dtype)


class Solarization(ColorLayer):
    """Adds a random number to the pixels and inverts those above a random threshold.

    Args:
        addition_factor: how much is added, as a part of the range in [0, 1], or the two ends.
        threshold_factor: where inversion begins, in the same way.
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.seed_with(seed)
        factors = {"addition_factor": addition_factor, "threshold_factor": threshold_factor}
        self.configure(
            value_range=value_limits(value_range),
            **{
                name: strict_factor(factor, (0, 1.0), name, symmetric=False)
                for name, factor in factors.items()
            },
        )

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return what is added to each image, and its threshold."""

        def draw(factor: tuple[float, float]) -> Any:
            limits, dtype = (factor[0], factor[1] * 255), self.compute_dtype
            return random.uniform(one_an_image(shape), *limits, seed=seed, dtype=dtype)

        additions = draw(self.addition_factor)
        return {"additions": additions, "thresholds": draw(self.threshold_factor)}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, solarized if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        dtype = self.compute_dtype
        images = rescaled(images, self.value_range, BYTES, dtype)
        tones = ops.clip(images + transformation["additions"], *BYTES)
        tones = ops.where(tones < transformation["thresholds"], tones, 255 - tones)
        return restored(rescaled(tones, BYTES, self.value_range, dtype), images.dtype)


def restored(images: Any, dtype: str) -> Any:
    """Return images in `dtype`; for an integer one they are rounded and cut off at its ends."""
    if images.dtype == dtype:
        return images
    whole = ops.round(images) if "int" in str(dtype) else images
    return ops.saturate_cast(whole, dtype)


class AutoContrast(ColorLayer):
    """Stretches the values of each channel over the whole range, in training and out of it.

    Args:
        value_range: the range of the pixels.
    """

    _USE_BASE_FACTOR = False

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(value_range=value_limits(value_range))

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, from the darkest value to the lightest one."""
        dtype = self.compute_dtype
        wide = ops.cast(rescaled(images, self.value_range, BYTES, dtype), dtype)
        low = ops.min(wide, axis=(1, 2), keepdims=True)
        high = ops.max(wide, axis=(1, 2), keepdims=True)
        scale = 255.0 / (high - low)
        wide = wide * scale + -low * scale
        found = rescaled(ops.clip(wide, 0.0, 255.0), BYTES, self.value_range, dtype)
        found = ops.where(ops.isnan(found), images, found)  # where a channel is constant
        return restored(found, wide.dtype)


class Equalization(ColorLayer):
    """Spreads the values of each channel evenly, by their histogram over the batch, in training.

    Args:
        value_range: the range of the pixels.
        bins: how many bins the histogram has.
        data_format: "channels_last" or "channels_first".
    """

    keeps_dtype = True

    def __init__(
        self,
        value_range: Any = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(bins=bins, value_range=value_limits(value_range))

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, equalized if training."""
        if not training:
            return images
        return apply(
            "image.equalize",
            ops.cast(images, self.compute_dtype),
            bins=self.bins,
            value_range=tuple(self.value_range),
            data_format=self.data_format,
        )


class ContrastLimitedAdaptiveHistogramEqualization(ColorLayer):
    """Equalizes each tile of a grid, with limited contrast, and blends; at inference too.

    Args:
        value_range: the range of the pixels.
        clip_limit: how far a bin may exceed the mean; 0 or less for no limit.
        tile_grid_size: how many tiles there are along height and width.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            value_range=value_range, clip_limit=clip_limit, tile_grid_size=tile_grid_size
        )

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, equalized tile by tile."""
        first, dtype = self.data_format == "channels_first", images.dtype
        images = ops.moveaxis(images, -3, -1) if first else images
        tones = apply(
            "image.clahe",
            rescaled(images, self.value_range, BYTES),
            clip_limit=self.clip_limit,
            tile_grid_size=tuple(self.tile_grid_size),
        )
        images = ops.cast(rescaled(tones, BYTES, self.value_range), dtype)
        return ops.moveaxis(images, -1, -3) if first else images
