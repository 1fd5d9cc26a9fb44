"""Layers that bend images: `RandomPerspective` and `RandomElasticTransform`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.image.base import BaseImagePreprocessingLayer, Shape, batch_size
from graphc.keras.layers.image.factors import check_mode
from graphc.keras.layers.image.tones import chosen
from graphc.keras.random import draw_seed
from graphc.keras.utils.bounding_boxes.formats import (
    clip_to_image_size,
    convert_format,
    joined,
    parts,
)

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


class RandomPerspective(BaseImagePreprocessingLayer):
    """Moves the corners of some images at random while training, as a change of view does.

    Args:
        factor: how probably, in [0, 1]; two numbers: the probability is drawn between them.
        scale: how far a corner may move, in [0, 1].
        interpolation: "nearest" or "bilinear".
        fill_value: the value outside.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: a scale or a factor out of bounds.
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if not 0.0 <= scale <= 1.0:
            raise ValueError(
                "The `scale` argument should be a number in the range [0, 1]. "
                f"Received: scale={scale}"
            )
        self.configure(
            factor=self.bounded(factor),
            scale=scale,
            interpolation=check_mode(interpolation, INTERPOLATIONS, "interpolation"),
            fill_value=fill_value,
        )
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are changed, their corners [B, 4, 2] and where these go."""
        count, (height, width) = batch_size(shape), self.frame(shape)
        applied = chosen(count, self.factor, seed)
        half, dtype = 0.5 * self.scale, self.compute_dtype
        moves = random.uniform((count, 4, 2), -half, half, seed=seed, dtype=dtype)
        x, y = width - 1, height - 1
        corners = [[[0.0, 0.0], [x, 0.0], [0.0, y], [x, y]]]
        starts = ops.repeat(ops.convert_to_tensor(corners, dtype=dtype), count, axis=0)
        return {
            "apply_perspective": applied,
            "start_points": starts,
            "end_points": starts + starts * moves,
            "input_shape": shape,
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        moved = ops.image.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(transformation["apply_perspective"][:, None, None, None], moved, images)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes around the moved boxes, as "xyxy", as in Keras."""
        if not training or transformation is None:
            return bounding_boxes
        height, width = self.frame(transformation["input_shape"])
        size = {"height": height, "width": width}
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", **size)
        points = (
            ops.cast(transformation[name], "float32") for name in ("start_points", "end_points")
        )
        moved = _moved_boxes(found["boxes"], apply("image.homography", *points))
        applied = transformation["apply_perspective"][:, None, None]
        boxes = ops.where(applied, moved, found["boxes"])
        return clip_to_image_size({**found, "boxes": boxes}, **size)


def _moved_boxes(boxes: Any, maps: Any) -> Any:
    """Return the boxes around boxes [B, N, 4] moved by the inverses of perspective maps [B, 8]."""
    full = ops.concatenate([maps, ops.ones((maps.shape[0], 1), maps.dtype)], axis=-1)
    inverse = ops.inv(ops.reshape(full, (-1, 3, 3)))
    x1, y1, x2, y2 = parts(boxes)
    x = ops.concatenate([x1, x2, x1, x2], axis=-1)  # [B, N, 4]
    y = ops.concatenate([y1, y2, y2, y1], axis=-1)
    rows = [
        inverse[:, row, 0][:, None, None] * x
        + inverse[:, row, 1][:, None, None] * y
        + inverse[:, row, 2][:, None, None]
        for row in range(3)
    ]
    lines = rows[0] / rows[2], rows[1] / rows[2]
    return joined(end(line, axis=-1, keepdims=True) for end in (ops.min, ops.max) for line in lines)


class RandomElasticTransform(BaseImagePreprocessingLayer):
    """Bends some images at random while training, as if they were drawn on rubber.

    Args:
        factor: how probably, in [0, 1]; two numbers: the probability is drawn between them.
        scale: how strongly, in [0, 1], or the two ends.
        interpolation: "nearest" or "bilinear".
        fill_mode: "constant", "nearest", "wrap", "mirror" or "reflect".
        fill_value: the value outside, for "constant".
        value_range: the range of the pixels.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            factor=self.bounded(factor),
            scale=self.bounded(scale, "scale"),
            interpolation=check_mode(interpolation, INTERPOLATIONS, "interpolation"),
            fill_mode=check_mode(fill_mode, FILL_MODES, "fill_mode"),
            fill_value=fill_value,
            value_range=value_range,
        )
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are bent, and how strongly."""
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        applied = chosen(batch_size(shape), self.factor, seed)
        strength = random.uniform((), *self.scale, seed=seed, dtype=self.compute_dtype)
        return {"apply_transform": applied, "distortion_factor": strength, "seed": seed}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        strength, frame = transformation["distortion_factor"], self.frame(images.shape)
        bent = apply(
            "image.elastic_transform",
            images,
            draw_seed(transformation["seed"]),
            max(frame) * (0.1 * strength),
            min(frame) * (0.05 * strength),
            # The strength is not known while a graph is built: this is its limit, and 1 for
            # what rounding may add.
            kernel_size=(int(6 * min(frame) * 0.05 * self.scale[1]) + 1) | 1,
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        applied = transformation["apply_transform"][:, None, None, None]
        images = ops.clip(ops.where(applied, bent, images), *self.value_range)
        return ops.cast(images, self.compute_dtype)
