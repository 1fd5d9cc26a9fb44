"""Layers that change height and width: `Resizing`, `CenterCrop`, `RandomCrop`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import ops, random
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.image.base import BaseImagePreprocessingLayer, Shape
from graphc.keras.random import SeedGenerator, make_default_seed
from graphc.keras.utils.bounding_boxes.formats import (
    clip_to_image_size,
    convert_format,
    joined,
    parts,
)


class _Framing(BaseImagePreprocessingLayer):
    """Gives images a fixed height and width."""

    _USE_BASE_FACTOR = False

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the height and width of the inputs."""
        return self.frame(shape)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what the boxes must be told about the images, in training or not."""
        del training
        return super().get_random_transformation(data, True, seed)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape with the layer's height and width."""
        if isinstance(input_shape, dict):
            images = self.compute_output_shape(input_shape["images"])
            return {**input_shape, "images": images}
        if len(input_shape) not in (3, 4) or isinstance(input_shape[0], (list, tuple)):
            raise ValueError(
                "Expected `input_shape` to be a tuple of 3 (one image) or 4 numbers (a batch). "
                f"Received: input_shape={input_shape}"
            )
        shape = list(input_shape)
        height, width, _ = self.axes()
        shape[height], shape[width] = self.height, self.width
        return tuple(shape)

    def _resized_boxes(self, boxes: Any, frame: tuple[int, int], move: Any) -> Any:
        """Return boxes of images of height and width `frame` after `move` of their corners."""
        boxes = convert_format(
            boxes, self.bounding_box_format, "xyxy", height=frame[0], width=frame[1]
        )
        size = {"height": self.height, "width": self.width}
        moved = clip_to_image_size({**boxes, "boxes": move(boxes["boxes"])}, **size)
        return convert_format(moved, "xyxy", self.bounding_box_format, **size)


class Resizing(_Framing):
    """Resizes images to `height` and `width`, in training and out of it.

    Args:
        height: the new height.
        width: the new width.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut out the middle first, so that nothing is stretched.
        pad_to_aspect_ratio: put `fill_value` around the images first, for the same end.
        fill_mode: "constant".
        fill_value: the value around padded images.
        antialias: smooth images that are made smaller.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            height=height,
            width=width,
            interpolation=interpolation,
            crop_to_aspect_ratio=crop_to_aspect_ratio,
            pad_to_aspect_ratio=pad_to_aspect_ratio,
            fill_mode=fill_mode,
            fill_value=fill_value,
            antialias=bool(antialias),
        )

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images resized, in their own dtype."""
        return self._transform_images(images, transformation, self.interpolation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks resized without interpolation."""
        return self._transform_images(segmentation_masks, transformation, "nearest")

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes resized; boxes of zeros or of -1, which are padding, become zeros."""
        boxes = bounding_boxes["boxes"]
        padding = ops.logical_or(ops.all(boxes == -1, axis=-1), ops.all(boxes == 0, axis=-1))
        height, width = transformation
        scale, shift = self._scale_and_shift(height, width)

        def move(corners: Any) -> Any:
            pairs = zip(parts(corners), scale * 2, shift * 2, strict=True)
            return joined(x * factor + offset for x, factor, offset in pairs)

        size = {"height": self.height, "width": self.width}
        corners = convert_format(
            bounding_boxes, self.bounding_box_format, "xyxy", height=height, width=width
        )
        clipped = clip_to_image_size({**corners, "boxes": move(corners["boxes"])}, **size)
        kept = ops.where(ops.expand_dims(padding, -1), 0.0, clipped["boxes"])
        return convert_format({**clipped, "boxes": kept}, "xyxy", self.bounding_box_format, **size)

    def _scale_and_shift(
        self, height: int, width: int
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what x and y are multiplied by, and what is then added."""
        # In float32, as in Keras: floor division would tell roundings apart.
        tall, wide = np.float32(height), np.float32(width)
        ratio_x, ratio_y = self.width / wide, self.height / tall
        shift: tuple[Any, Any] = (0.0, 0.0)
        if self.pad_to_aspect_ratio:
            ratio_x = ratio_y = min(ratio_x, ratio_y)
            shift = (self.width - wide * ratio_x) // 2, (self.height - tall * ratio_y) // 2
        elif self.crop_to_aspect_ratio:
            flat = wide / tall > self.width / self.height
            new_width = self.height * (wide / tall) if flat else np.float32(self.width)
            new_height = np.float32(self.height) if flat else self.width / (wide / tall)
            ratio_x, ratio_y = new_width / wide, new_height / tall
            shift = -((new_width - self.width) // 2), -((new_height - self.height) // 2)
        return (float(ratio_x), float(ratio_y)), (float(shift[0]), float(shift[1]))


def middle_of_ratio(frame: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the largest middle part with the target's ratio."""
    (height, width), (target_height, target_width) = frame, target
    kept_height = max(min(height, int(width * target_height / target_width)), 1)
    kept_width = max(min(width, int(height * target_width / target_height)), 1)
    return (height - kept_height) // 2, (width - kept_width) // 2, kept_height, kept_width


class CenterCrop(_Framing):
    """Cuts out the middle of images; smaller images are resized, keeping their ratio.

    Args:
        height: the new height.
        width: the new width.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(height=height, width=width)

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the middle of the images."""
        images = ops.cast(images, self.compute_dtype)
        height, width = self.frame(images.shape)
        if height < self.height or width < self.width:
            return ops.image.resize(
                images,
                (self.height, self.width),
                crop_to_aspect_ratio=True,
                data_format=self.data_format,
            )
        return ops.image.crop_images(
            images,
            top_cropping=(height - self.height) // 2,
            left_cropping=(width - self.width) // 2,
            target_height=self.height,
            target_width=self.width,
            data_format=self.data_format,
        )

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the middle of the masks."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes as seen in the middle of the images."""
        frame, target = transformation, (self.height, self.width)
        fits = frame[0] >= self.height and frame[1] >= self.width
        top, left, height, width = (
            ((frame[0] - self.height) // 2, (frame[1] - self.width) // 2, *target)
            if fits
            else middle_of_ratio(frame, target)
        )
        scale = (self.width / width, self.height / height) * 2
        limits = ((left, left + width), (top, top + height)) * 2

        def move(corners: Any) -> Any:
            triples = zip(parts(corners), limits, scale, strict=True)
            return joined((ops.clip(x, a, b) - a) * factor for x, (a, b), factor in triples)

        return self._resized_boxes(bounding_boxes, frame, move)


class RandomCrop(_Framing):
    """Cuts out a random part of images while training, the same for all of a batch.

    Images that are not larger than the part are resized. At inference images stay as they are.

    Args:
        height: the height of the part.
        width: its width.
        seed: an integer, or None for a random one.
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, data_format=data_format, **kwargs)
        self.configure(
            height=height,
            width=width,
            seed=make_default_seed() if seed is None else seed,
            data_format=standardize_data_format(data_format),
        )
        self.generator = SeedGenerator(seed)
        self.autocast = False  # at inference inputs keep their dtype

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return the top and left of the part."""
        images = data["images"] if isinstance(data, dict) else data
        frame = self.frame(tuple(images.shape))
        if None in frame:
            raise ValueError(
                "RandomCrop requires the input to have a fully defined height and width. "
                f"Received: images.shape={tuple(images.shape)}"
            )
        if not training or frame[0] <= self.height or frame[1] <= self.width:
            return middle_of_ratio(frame, (self.height, self.width))[:2]
        seed = self.generator_or(seed)
        room = frame[0] - self.height + 1, frame[1] - self.width + 1
        starts = [random.uniform((), 0, maxval=float(length), seed=seed) for length in room]
        return tuple(ops.cast(start, "int32") for start in starts)

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return the part of the images, if training."""
        if not training:
            return images
        images = ops.cast(images, self.compute_dtype)
        starts, shape = [0] * len(images.shape), list(images.shape)
        lengths = self.height, self.width
        for axis, start, length in zip(self.axes(), transformation, lengths, strict=False):
            starts[axis], shape[axis] = start, length
            if isinstance(start, int):
                shape[axis] = min(length, images.shape[axis] - start)
        images = ops.slice(images, starts, shape)
        if self.frame(images.shape) == lengths:
            return images
        return ops.image.resize(images, lengths, data_format=self.data_format)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the part of the masks, at inference too, as in Keras."""
        return self.transform_images(segmentation_masks, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes less the top (from x) and the left (from y), as Keras has it."""
        if not training:
            return bounding_boxes
        size = {"height": self.height, "width": self.width}
        boxes = convert_format(bounding_boxes["boxes"], self.bounding_box_format, "xyxy", **size)
        starts = [ops.cast(start, boxes.dtype) for start in transformation] * 2
        moved = joined(
            ops.maximum(x - start, 0) for x, start in zip(parts(boxes), starts, strict=True)
        )
        boxes = convert_format(moved, "xyxy", self.bounding_box_format, **size)
        return {"boxes": boxes, "labels": bounding_boxes["labels"]}
