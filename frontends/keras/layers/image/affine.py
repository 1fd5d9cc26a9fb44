"""Layers that turn, move, zoom or shear images: each draws one affine map an image."""

from __future__ import annotations

import math
from typing import Any

from graphc.keras import ops, random
from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.image.base import BaseImagePreprocessingLayer, Shape, batch_size
from graphc.keras.layers.image.factors import check_mode, strict_factor
from graphc.keras.utils.bounding_boxes.formats import (
    clip_to_image_size,
    convert_format,
    joined,
    parts,
)
from graphc.keras.utils.bounding_boxes.transforms import affine_transform

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")


class _Affine(BaseImagePreprocessingLayer):
    """Reads images at the places where a matrix [B, 8] sends their pixels."""

    def keep_modes(self, fill_mode: str, interpolation: str, fill_value: float) -> None:
        """Check and store how images are read outside their frame and between their pixels."""
        self.configure(
            fill_mode=check_mode(fill_mode, FILL_MODES, "fill_mode"),
            interpolation=check_mode(interpolation, INTERPOLATIONS, "interpolation"),
            fill_value=fill_value,
        )

    def matrix(self, transformation: Any, frame: tuple[int, int]) -> Any:
        """Return (a0, a1, a2, b0, b1, b2, ...) [B, 6 or more] for a drawn transformation."""
        raise NotImplementedError(f"{type(self).__name__} has no matrix.")

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        return apply(
            "image.affine_transform",
            images,
            # The rest of the matrix is 0; without it the channels share the places.
            self.matrix(transformation, self.frame(images.shape))[..., :6],
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def _shifted(self, bounding_boxes: Any, size: dict[str, int], shift: tuple[Any, Any]) -> Any:
        """Return boxes of the layer's format less a shift (x, y), each [B, 1]."""
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", **size)
        shifts = [ops.expand_dims(part, -1) for part in shift] * 2  # [B, 1, 1]
        moved = joined(x - s for x, s in zip(parts(found["boxes"]), shifts, strict=True))
        clipped = clip_to_image_size({**found, "boxes": moved}, **size)
        return convert_format(clipped, "xyxy", self.bounding_box_format, **size)


def columns(*values: Any) -> Any:
    """Return tensors [B, 1] and numbers as the columns of a matrix [B, n]."""
    like = next(value for value in values if not isinstance(value, float))
    filled = [
        ops.full((like.shape[0], 1), value) if isinstance(value, float) else value
        for value in values
    ]
    return ops.concatenate(filled, axis=1)


class RandomRotation(_Affine):
    """Turns each image by a random angle while training.

    Args:
        factor: the largest angle as a part of a full turn, in [-1, 1], or the two ends.
        fill_mode: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for a random one.
        fill_value: the value outside, for "constant".
        data_format: "channels_last" or "channels_first".
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.configure(factor=self.factor)
        self.seed_with(seed)
        self.keep_modes(fill_mode, interpolation, fill_value)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return angles in degrees and the matrices of the turns."""
        count, (height, width) = batch_size(shape), self.frame(shape)
        low, high = (end * 360.0 for end in self.factor)
        angle = random.uniform((count,), minval=low, maxval=high, seed=seed)
        matrix = _turn_about_middle(angle, height, width)
        return {
            "angle": angle,
            "rotation_matrix": matrix if len(shape) == 4 else ops.squeeze(matrix, axis=0),
            "image_height": height,
            "image_width": width,
            "batch_size": count,
        }

    def matrix(self, transformation: Any, frame: tuple[int, int]) -> Any:
        """Return the matrices of the turns."""
        return transformation["rotation_matrix"]

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes around the turned boxes, which must be "xyxy", as in Keras."""
        if not training:
            return bounding_boxes
        count = transformation["batch_size"]
        zeros, ones = ops.zeros((count,)), ops.ones((count,))
        size = {
            "height": transformation["image_height"],
            "width": transformation["image_width"],
        }
        boxes = affine_transform(
            bounding_boxes["boxes"], transformation["angle"], zeros, zeros, ones, zeros, zeros,
            **size,
        )  # fmt: skip
        clipped = clip_to_image_size({**bounding_boxes, "boxes": boxes}, **size)
        return convert_format(clipped, "xyxy", self.bounding_box_format, **size)


def _turn_about_middle(angle: Any, height: int, width: int) -> Any:
    """Return matrices [B, 8] of turns by `angle` [B], in degrees."""
    radians = angle * (math.pi / 180.0)
    cos, sin = ops.cos(radians)[:, None], ops.sin(radians)[:, None]
    x, y = 0.5 * (width - 1), 0.5 * (height - 1)
    return columns(
        cos, -sin, x - x * cos - y * -sin, sin, cos, y - x * sin - y * cos, 0.0, 0.0
    )  # fmt: skip


class RandomTranslation(_Affine):
    """Moves each image by a random distance while training.

    Args:
        height_factor: the largest move down, as a part of the height in [-1, 1], or the two ends.
        width_factor: the same to the right, as a part of the width.
        fill_mode: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for a random one.
        fill_value: the value outside, for "constant".
        data_format: "channels_last" or "channels_first".
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(height_factor=height_factor, width_factor=width_factor)
        self.height_range = strict_factor(height_factor, (-1.0, 1.0), "height_factor")
        self.width_range = strict_factor(width_factor, (-1.0, 1.0), "width_factor")
        self.keep_modes(fill_mode, interpolation, fill_value)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the moves (x, y) in pixels, [B, 2]."""
        moves = [
            random.uniform((batch_size(shape), 1), *limits, seed=seed) * length
            for limits, length in zip(
                (self.height_range, self.width_range), self.frame(shape), strict=True
            )
        ]
        return {"translations": ops.concatenate(moves[::-1], axis=1), "input_shape": shape}

    def matrix(self, transformation: Any, frame: tuple[int, int]) -> Any:
        """Return the matrices of the moves."""
        moves = transformation["translations"]
        return columns(1.0, 0.0, -moves[:, 0:1], 0.0, 1.0, -moves[:, 1:], 0.0, 0.0)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes, moved as the images are."""
        if not training:
            return bounding_boxes
        height, width = self.frame(transformation["input_shape"])
        moves = -transformation["translations"]
        shift = moves[:, 0:1], moves[:, 1:]
        return self._shifted(bounding_boxes, {"height": height, "width": width}, shift)


class RandomZoom(_Affine):
    """Zooms each image about its middle by a random factor while training.

    Args:
        height_factor: how much taller, in (-1, 1], or the two ends; 0.2 zooms out by up to 20 %.
        width_factor: how much wider; None keeps the ratio.
        fill_mode: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: an integer, or None for a random one.
        fill_value: the value outside, for "constant".
        data_format: "channels_last" or "channels_first".
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(height_factor=height_factor, width_factor=width_factor)
        limits = {"bounds": (-1.0, 1.0), "open_below": True}
        self.height_range = strict_factor(height_factor, name="height_factor", **limits)
        self.width_range = None
        if width_factor is not None:
            self.width_range = strict_factor(width_factor, name="width_factor", **limits)
        self.keep_modes(fill_mode, interpolation, fill_value)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the factors, [B, 1] each."""

        def draw(limits: tuple[float, float]) -> Any:
            low, high = (1.0 + end for end in limits)
            return random.uniform((batch_size(shape), 1), low, high, seed=seed)

        height = draw(self.height_range)
        width = height if self.width_range is None else draw(self.width_range)
        return {"height_zoom": height, "width_zoom": width, "input_shape": shape}

    def matrix(self, transformation: Any, frame: tuple[int, int]) -> Any:
        """Return the matrices of the zooms."""
        zoom_x, zoom_y = (
            ops.cast(transformation[name], "float32") for name in ("width_zoom", "height_zoom")
        )
        x, y = (frame[1] - 1.0) / 2.0, (frame[0] - 1.0) / 2.0
        return columns(
            zoom_x, 0.0, x * (1.0 - zoom_x), 0.0, zoom_y, y * (1.0 - zoom_y), 0.0, 0.0
        )  # fmt: skip

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes as seen in the part of the image that is zoomed to."""
        if not training:
            return bounding_boxes
        frame = self.frame(transformation["input_shape"])
        size = {"height": frame[0], "width": frame[1]}
        found = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", **size)
        rows = self.matrix(transformation, frame)[:, None, :]  # [B, 1, 8]
        left, top = rows[..., 2:3], rows[..., 5:6]
        right, bottom = rows[..., 0:1] * frame[1] + left, rows[..., 4:5] * frame[0] + top
        limits = ((left, right), (top, bottom)) * 2
        pairs = zip(parts(found["boxes"]), limits, strict=True)
        moved = joined(ops.clip(x, start, stop) - start for x, (start, stop) in pairs)
        inner = {"height": bottom - top, "width": right - left}
        relative = convert_format({**found, "boxes": moved}, "xyxy", "rel_xyxy", **inner)
        clipped = clip_to_image_size(relative, bounding_box_format="rel_xyxy")
        return convert_format(clipped, "rel_xyxy", self.bounding_box_format, **size)


class RandomShear(_Affine):
    """Shears each image along x and y while training.

    Args:
        x_factor: the largest shear along x, in [0, 1], or the two ends.
        y_factor: the same along y.
        interpolation: "nearest" or "bilinear".
        fill_mode: "reflect", "wrap", "constant" or "nearest".
        fill_value: the value outside, for "constant".
        data_format: "channels_last" or "channels_first".
        seed: an integer, or None for a random one.
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.configure(
            x_factor=strict_factor(_as_number(x_factor), (0.0, 1.0), "x_factor"),
            y_factor=strict_factor(_as_number(y_factor), (0.0, 1.0), "y_factor"),
        )
        self.keep_modes(fill_mode, interpolation, fill_value)
        self.seed_with(seed)

    def draw_transformation(self, shape: Shape, seed: Any) -> Any:
        """Return the shears (x, y), [B, 2]."""
        draw = {"shape": (batch_size(shape), 1), "seed": seed, "dtype": self.compute_dtype}
        sign = random.uniform(minval=0, maxval=1, **draw)
        sign = ops.where(sign > 0.5, -ops.ones_like(sign), ops.ones_like(sign))
        shear_y = random.uniform(minval=self.y_factor[0], maxval=self.y_factor[1], **draw)
        shear_x = random.uniform(minval=self.x_factor[0], maxval=self.x_factor[1], **draw)
        shears = ops.concatenate([shear_x, shear_y], axis=1) * sign
        return {"shear_factor": shears, "input_shape": shape}

    def matrix(self, transformation: Any, frame: tuple[int, int]) -> Any:
        """Return the matrices of the shears."""
        shears = transformation["shear_factor"]
        return columns(1.0, shears[:, 0:1], 0.0, shears[:, 1:], 1.0, 0.0, 0.0, 0.0)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the boxes around the sheared boxes."""
        if not training:
            return bounding_boxes
        height, width = self.frame(transformation["input_shape"])
        size = {"height": height, "width": width, "dtype": self.compute_dtype}
        found = convert_format(bounding_boxes, self.bounding_box_format, "rel_xyxy", **size)
        shears = ops.cast(transformation["shear_factor"], self.compute_dtype)[:, None, :]
        sheared = _sheared(parts(found["boxes"]), shears[..., 0:1], shears[..., 1:])
        clipped = clip_to_image_size(
            {**found, "boxes": joined(sheared)}, bounding_box_format="rel_xyxy"
        )
        return convert_format(clipped, "rel_xyxy", self.bounding_box_format, **size)


def _as_number(factor: Any) -> Any:
    """The number that (-f, f) in a configuration was made of; anything else as it is."""
    pair = isinstance(factor, (tuple, list)) and len(factor) == 2
    return factor[1] if pair and factor[0] == -factor[1] else factor


def _sheared(corners: list[Any], along_x: Any, along_y: Any) -> tuple[Any, Any, Any, Any]:
    x1, y1, x2, y2 = corners
    left = ops.where(along_x < 0, x1 - along_x * y1, x1 - along_x * y2)
    right = ops.where(along_x < 0, x2 - along_x * y2, x2 - along_x * y1)
    top = ops.where(along_y > 0, y1 - along_y * right, y1 - along_y * left)
    bottom = ops.where(along_y > 0, y2 - along_y * left, y2 - along_y * right)
    return left, top, right, bottom
