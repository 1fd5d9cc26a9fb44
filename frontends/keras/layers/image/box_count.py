"""`MaxNumBoundingBoxes`."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.layers.image.base import ColorLayer


class MaxNumBoundingBoxes(ColorLayer):
    """Gives every image the same number of boxes: the first ones, and padding after them.

    Args:
        max_number: how many.
        fill_value: what the boxes and labels of padding hold.
    """

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(max_number=int(max_number))
        self.fill_value = int(fill_value)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images."""
        del transformation, training
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return `max_number` boxes and labels an image."""
        boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
        missing = max(self.max_number - boxes.shape[1], 0)
        fill = {"constant_values": self.fill_value}
        boxes = ops.pad(boxes[:, : self.max_number], ((0, 0), (0, missing), (0, 0)), **fill)
        labels = ops.pad(labels[:, : self.max_number], ((0, 0), (0, missing)), **fill)
        return {**bounding_boxes, "boxes": boxes, "labels": labels}

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the inputs, with `max_number` boxes."""
        if not isinstance(input_shape, dict) or "bounding_boxes" not in input_shape:
            return input_shape
        shapes = input_shape["bounding_boxes"]
        extra = sorted(set(shapes) - {"boxes", "labels"})
        if extra:
            raise KeyError(
                "Expected only `boxes` and `labels` in `bounding_boxes`. "
                f"Received: unsupported keys {extra}"
            )
        changed = {key: (shape[0], self.max_number, *shape[2:]) for key, shape in shapes.items()}
        return {**input_shape, "bounding_boxes": changed}
