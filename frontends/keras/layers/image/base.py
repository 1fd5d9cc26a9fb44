"""The base of image layers: one draw for all that belongs to an image, then one map of each part.

Inputs are images [B, H, W, C] or one image [H, W, C] (or channels first), or a dict with "images"
and, as they are there, "labels", "bounding_boxes" and "segmentation_masks".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.building import map_shapes
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.engine.structure import map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.image.boxes import dense_boxes
from graphc.keras.layers.image.factors import Range, bounded_factor
from graphc.keras.random import SeedGenerator

Shape = tuple[int, ...]


class BaseImagePreprocessingLayer(BuiltinLayer):
    """Draws a transformation once a call and applies it to images and to what belongs to them.

    Args:
        factor: how strongly, where the layer takes one: a number or two.
        bounding_box_format: how the boxes of a dict input are written.
        data_format: "channels_last" or "channels_first".

    Raises:
        ValueError: a factor out of bounds, or one where the layer takes none.
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS: Range = (-1, 1)
    draws_at_inference = False  # whether the seed moves on then too, as in Keras
    keeps_dtype = False  # whether symbolic outputs are announced in the dtype of the inputs

    def __init__(
        self,
        factor: Any = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.configure(data_format=standardize_data_format(data_format))
        if bounding_box_format is not None:
            self.configure(bounding_box_format=bounding_box_format)
        if self._USE_BASE_FACTOR:
            self.factor = bounded_factor(factor or 0.0, self._FACTOR_BOUNDS)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. "
                f"Received: factor={factor}"
            )

    def seed_with(self, seed: int | None) -> None:
        """Store `seed` and make the generator of this layer's draws."""
        self.configure(seed=seed)
        self.generator = SeedGenerator(seed)

    def bounded(self, factor: Any, name: str = "factor") -> Range:
        """Return a factor as (lower, upper) within the layer's bounds."""
        return bounded_factor(factor, self._FACTOR_BOUNDS, name)

    def axes(self) -> tuple[int, int, int]:
        """Return the axes of height, width and channels, from the end."""
        return (-2, -1, -3) if self.data_format == "channels_first" else (-3, -2, -1)

    def frame(self, shape: Any) -> tuple[int, int]:
        """Return height and width, given the shape of images."""
        height, width, _ = self.axes()
        return shape[height], shape[width]

    # What the layers write

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return what is to be done to images of this shape, [B, H, W, C] or [H, W, C]."""
        del shape, seed

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not transform images.")

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return a batch of images, transformed if training."""
        images = ops.cast(images, self.compute_dtype)
        if not training:
            return images
        return self._transform_images(images, transformation, self.interpolation)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return labels, which most layers leave alone."""
        del transformation, training
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the dict of boxes [B, N, 4] and labels [B, N]."""
        raise NotImplementedError(f"{type(self).__name__} does not transform bounding boxes.")

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return masks, transformed as the images but without interpolation."""
        if not training:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")

    # The call

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what is to be done to these images, from `seed` or the layer's own draws."""
        images = data["images"] if isinstance(data, dict) else data
        shape = tuple(images.shape)
        _is_batch(shape)
        if not training and not self.draws_at_inference:
            return None
        return self.draw_transformation(shape, self.generator_or(seed))

    def generator_or(self, seed: Any) -> Any:
        """Return `seed`, or the layer's generator for None."""
        return getattr(self, "generator", None) if seed is None else seed

    def call(self, data: Any, training: bool = True) -> Any:
        """Return the images, or the dict of all that belongs to them, transformed if training."""
        transformation = self.get_random_transformation(data, training=training)
        images = data["images"] if isinstance(data, dict) else data
        single = not _is_batch(tuple(images.shape))

        def mapped(function: Callable[..., Any], value: Any) -> Any:
            batch = _with_batch(value) if single else value
            found = function(batch, transformation=transformation, training=training)
            return _without_batch(found) if single else found

        if not isinstance(data, dict):
            return mapped(self.transform_images, ops.convert_to_tensor(data))
        result = dict(data)
        result["images"] = mapped(self.transform_images, ops.convert_to_tensor(images))
        for key, function in self._others().items():
            if key in data:
                result[key] = mapped(function, self._tensors(key, data[key]))
        return result

    def _others(self) -> dict[str, Callable[..., Any]]:
        return {
            "bounding_boxes": self.transform_bounding_boxes,
            "labels": self.transform_labels,
            "segmentation_masks": self.transform_segmentation_masks,
        }

    def _tensors(self, key: str, value: Any) -> Any:
        if key != "bounding_boxes":
            return ops.convert_to_tensor(value)
        if self.bounding_box_format:
            return dense_boxes(value)
        raise ValueError(
            "An input with the key 'bounding_boxes' needs a bounding box format, such as "
            f"{type(self).__name__}(..., bounding_box_format='xyxy'). "
            "Received: bounding_box_format=None"
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the inputs, which most layers keep."""
        return input_shape

    def compute_output_spec(self, data: Any, training: bool = True) -> Any:
        """Return KerasTensors like the outputs; like Keras, all of them in the compute dtype."""
        del training
        dtype = data.dtype if self.keeps_dtype and hasattr(data, "dtype") else self.compute_dtype
        shape = self.compute_output_shape(map_structure(lambda tensor: tuple(tensor.shape), data))
        return map_shapes(lambda sizes: KerasTensor(sizes, dtype), shape)


class ColorLayer(BaseImagePreprocessingLayer):
    """The base of layers that change values and move nothing: boxes and masks stay as they are."""

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes."""
        del transformation, training
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks."""
        del transformation, training
        return segmentation_masks


def batch_size(shape: Shape) -> int:
    """Return how many images there are in images of this shape."""
    return shape[0] if len(shape) == 4 else 1


def rescaled(images: Any, source: Any, target: Any, dtype: str = "float32") -> Any:
    """Return values of the range `source` as values of the range `target`, in `dtype`."""
    if source[0] == target[0] and source[1] == target[1]:
        return images
    low, high, target_low, target_high = (ops.cast(limit, dtype) for limit in (*source, *target))
    images = (ops.cast(images, dtype) - low) / (high - low)
    return images * (target_high - target_low) + target_low


def _is_batch(shape: Shape) -> bool:
    if len(shape) in (3, 4):
        return len(shape) == 4
    raise ValueError(
        "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
        f"Received: data.shape={shape}"
    )


def _with_batch(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, **{key: ops.expand_dims(value[key], 0) for key in ("boxes", "labels")}}
    return ops.expand_dims(value, 0)


def _without_batch(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, **{key: ops.squeeze(value[key], 0) for key in ("boxes", "labels")}}
    return ops.squeeze(value, 0)
