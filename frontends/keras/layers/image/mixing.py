"""Layers that cover parts of images or mix images: `RandomErasing`, `CutMix`, `MixUp`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.layers.image.base import (
    BaseImagePreprocessingLayer,
    ColorLayer,
    Shape,
    batch_size,
)
from graphc.keras.layers.image.tones import chosen


class _Cutting(BaseImagePreprocessingLayer):
    """Draws a rectangle in each image."""

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def draw_span(self, count: int, length: int, ratio: Any, seed: Any) -> tuple[Any, Any]:
        """Return where spans of `ratio` [B] of a length begin and end."""
        dtype = self.compute_dtype
        span = ops.cast(ratio * length, dtype)
        draw = random.uniform((count,), minval=0, maxval=1, dtype=dtype, seed=seed)
        start = draw * (length - span)
        return start, start + span

    def rectangles(self, shape: Shape, columns: Any, rows: Any) -> Any:
        """Return booleans that broadcast to the images: whether a pixel is inside."""
        height, width = self.frame(shape)
        last = self.data_format == "channels_last"
        y = ops.arange(height, dtype=self.compute_dtype)
        x = ops.arange(width, dtype=self.compute_dtype)
        y = y[None, :, None, None] if last else y[None, None, :, None]
        x = x[None, None, :, None] if last else x[None, None, None, :]
        (x0, x1), (y0, y1) = (
            [end[:, None, None, None] for end in span] for span in (columns, rows)
        )
        # Not the operators: the array on the left would refuse a symbolic tensor.
        across = ops.logical_and(ops.greater_equal(x, x0), ops.less(x, x1))
        down = ops.logical_and(ops.greater_equal(y, y0), ops.less(y, y1))
        return ops.logical_and(across, down)


class RandomErasing(_Cutting, ColorLayer):
    """Covers a rectangle of some images with a value or with noise while training.

    Args:
        factor: how probably, in [0, 1]; two numbers: the probability is drawn between them.
        scale: the area of the rectangle as a part of the image, or the two ends.
        fill_value: a number, three of them, or None for noise.
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: a factor or scale out of bounds, or a fill value of another form.

    Source: Zhong et al., "Random Erasing Data Augmentation", 2017.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            factor=self.bounded(factor),
            scale=self.bounded(scale, "scale"),
            fill_value=fill_value,
            value_range=value_range,
        )
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are covered, where, and with what."""
        count, (height, width) = batch_size(shape), self.frame(shape)
        dtype = self.compute_dtype
        area = random.uniform((count, 2), *self.scale, dtype=dtype, seed=seed)
        sides = ops.sqrt(area)
        columns = self.draw_span(count, width, sides[:, 0], seed)
        rows = self.draw_span(count, height, sides[:, 1], seed)
        masks = self.rectangles(shape, columns, rows)
        applied = chosen(count, self.factor, seed)
        fill = self._fill(shape, seed)
        return {"apply_erasing": applied, "batch_masks": masks, "fill_value": fill}

    def _fill(self, shape: Shape, seed: Any) -> Any:
        fill, dtype = self.fill_value, self.compute_dtype
        if fill is None:
            noise = random.normal(shape, dtype=dtype, seed=seed) * self.value_range[1]
            return ops.clip(noise, *self.value_range)
        several = isinstance(fill, (tuple, list))
        if (several and len(fill) != 3) or not (several or isinstance(fill, (int, float))):
            raise ValueError(
                "The `fill_value` argument should be a number (or a list of three numbers). "
                f"Received: fill_value={fill}"
            )
        color = ops.clip(ops.convert_to_tensor(fill, dtype=dtype), *self.value_range)
        first = several and self.data_format == "channels_first"
        return color[:, None, None] if first else color

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, some of them covered in part if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        covered = ops.where(transformation["batch_masks"], transformation["fill_value"], images)
        applied = transformation["apply_erasing"][:, None, None, None]
        return ops.where(applied, covered, images)


class CutMix(_Cutting):
    """Replaces a rectangle of each image by that of another of the batch, and mixes their labels.

    Args:
        factor: how evenly, in [0, 1]: the parameter of the Beta distribution of areas.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".

    Source: Yun et al., "CutMix", 2019.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(factor=self.bounded(factor))
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return where, with which images, and how much of each is left."""
        if len(shape) == 3:
            return None
        count, (height, width) = shape[0], self.frame(shape)
        dtype = self.compute_dtype
        alpha = random.uniform((), *self.factor, dtype=dtype, seed=seed) + 1e-6
        ratio = ops.sqrt(1.0 - random.beta((count,), alpha, alpha, seed=seed, dtype=dtype))
        columns = self.draw_span(count, width, ratio, seed)
        rows = self.draw_span(count, height, ratio, seed)
        (x0, x1), (y0, y1) = ([end[:, None, None, None] for end in s] for s in (columns, rows))
        return {
            "batch_masks": self.rectangles(shape, columns, rows),
            "mix_weight": 1.0 - (x1 - x0) * (y1 - y0) / (width * height),
            "permutation_order": random.shuffle(ops.arange(0, count, dtype="int32"), seed=seed),
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, each with a rectangle of another if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        others = ops.take(images, transformation["permutation_order"], axis=0)
        return ops.where(transformation["batch_masks"], others, images)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return labels [B, classes], mixed by the areas."""
        if not training or transformation is None:
            return labels
        return _mixed(labels, transformation, (-1, 1))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the masks, cut as the images are."""
        return self.transform_images(segmentation_masks, transformation, training)


class MixUp(BaseImagePreprocessingLayer):
    """Blends each image and its labels with another of the batch while training.

    Args:
        alpha: how evenly: the parameter of the Beta distribution of weights.
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.

    Source: Zhang et al., "mixup", 2017.
    """

    draws_at_inference = True

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(alpha=alpha)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are blended, and with what weights."""
        count = batch_size(shape)
        order = random.shuffle(ops.arange(0, count, dtype="int32"), seed=seed)
        weight = random.beta((count,), self.alpha, self.alpha, seed=seed)
        return {"mix_weight": weight, "permutation_order": order}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, blended if training."""
        if not training:
            return images
        images, dtype = ops.cast(images, self.compute_dtype), self.compute_dtype
        weight = ops.cast(transformation["mix_weight"], dtype)
        return _mixed(images, {**transformation, "mix_weight": weight}, (-1, 1, 1, 1))

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return labels [B, classes], blended if training."""
        return _mixed(labels, transformation, (-1, 1)) if training else labels

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the masks, blended if training."""
        if not training:
            return segmentation_masks
        return _mixed(segmentation_masks, transformation, (-1, 1, 1, 1))

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes of both images, and the labels of both, one below the other."""
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        return {
            key: ops.concatenate([value, ops.take(value, order, axis=0)], axis=axis)
            for key, value, axis in (
                ("boxes", bounding_boxes["boxes"], 1),
                ("labels", bounding_boxes["labels"], 0),
            )
        }


def _mixed(values: Any, transformation: Any, shape: tuple[int, ...]) -> Any:
    """Return each row blended with the row that the permutation gives it."""
    weight = ops.reshape(transformation["mix_weight"], shape)
    others = ops.take(values, transformation["permutation_order"], axis=0)
    return weight * values + (1.0 - weight) * others
