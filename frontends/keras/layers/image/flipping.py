"""`RandomFlip`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops, random
from graphc.keras.layers.image.base import BaseImagePreprocessingLayer, Shape, batch_size
from graphc.keras.utils.bounding_boxes.formats import (
    clip_to_image_size,
    convert_format,
    joined,
    parts,
)


class RandomFlip(BaseImagePreprocessingLayer):
    """Flips each image with probability 1/2 while training.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical" (both at once).
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(mode=mode)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return which images are flipped."""
        draw = random.uniform(shape=(batch_size(shape), 1, 1, 1)[-len(shape) :], seed=seed)
        return {"flips": ops.less_equal(draw, 0.5), "input_shape": shape}

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the images, some of them flipped if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training or transformation is None:
            return images
        height, width, _ = self.axes()
        for word, axis in (("horizontal", width), ("vertical", height)):
            if word in self.mode:
                images = ops.where(transformation["flips"], ops.flip(images, axis=axis), images)
        return images

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the masks, flipped as the images are."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes, flipped as the images are."""
        if not training:
            return bounding_boxes
        flips = ops.squeeze(transformation["flips"], axis=-1)
        height, width = self.frame(transformation["input_shape"])
        size = {"height": height, "width": width}
        found = convert_format(bounding_boxes, self.bounding_box_format, "rel_xyxy", **size)
        boxes = found["boxes"]
        if "horizontal" in self.mode:
            x1, y1, x2, y2 = parts(boxes)
            boxes = ops.where(flips, joined((1 - x2, y1, 1 - x1, y2)), boxes)
        if "vertical" in self.mode:
            x1, y1, x2, y2 = parts(boxes)
            boxes = ops.where(flips, joined((x1, 1 - y2, x2, 1 - y1)), boxes)
        clipped = clip_to_image_size({**found, "boxes": boxes}, **size)
        return convert_format(clipped, "rel_xyxy", self.bounding_box_format, **size)
