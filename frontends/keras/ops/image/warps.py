"""The functions of `keras.ops.image` that read images at moved places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.ops.core import convert_to_tensor
from graphc.keras.ops.image.checks import check_choice, check_rank
from graphc.keras.ops.uniform import attribute, operand
from graphc.keras.random import draw_seed

INTERPOLATIONS = ("nearest", "bilinear")
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")
METHODS = (
    "linear", "bilinear", "trilinear", "cubic", "bicubic", "tricubic", "lanczos3", "lanczos5",
)  # fmt: skip


def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Return images whose pixel (x, y) is read at (a0 x + a1 y + a2, b0 x + b1 y + b2).

    `transform` [8] or [B, 8] is (a0, a1, a2, b0, b1, b2, c0, c1), whose last two are 0.

    Raises:
        ValueError: an unknown interpolation or fill mode, or a wrong rank.
    """
    images, transform = operand(images), convert_to_tensor(transform)
    check_choice(interpolation, INTERPOLATIONS, "interpolation")
    check_choice(fill_mode, FILL_MODES, "fill_mode")
    check_rank(images)
    if len(transform.shape) not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms). Received: transform.shape={tuple(transform.shape)}"
        )
    return apply(
        "image.affine_transform",
        images,
        transform,
        interpolation=interpolation,
        fill_mode=fill_mode,
        fill_value=fill_value,
        data_format=standardize_data_format(data_format),
    )


def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Any:
    """Return images whose corners (x, y) at `start_points` [4, 2] are seen at `end_points`.

    The points are those of one image, or [B, 4, 2].

    Raises:
        ValueError: an unknown interpolation, a wrong rank, or points of another shape.
    """
    images = operand(images)
    start_points, end_points = convert_to_tensor(start_points), convert_to_tensor(end_points)
    check_choice(interpolation, INTERPOLATIONS, "interpolation")
    check_rank(images)
    for name, points in (("start_points", start_points), ("end_points", end_points)):
        if tuple(points.shape[-2:]) != (4, 2) or len(points.shape) not in (2, 3):
            raise ValueError(
                f"Invalid {name} shape: expected (4, 2) for a single image or (N, 4, 2) for a "
                f"batch. Received: {name}.shape={tuple(points.shape)}"
            )
    if tuple(start_points.shape) != tuple(end_points.shape):
        raise ValueError(
            "start_points and end_points must have the same shape. "
            f"Received: start_points.shape={tuple(start_points.shape)}, "
            f"end_points.shape={tuple(end_points.shape)}"
        )
    return apply(
        "image.perspective_transform",
        images,
        start_points,
        end_points,
        interpolation=interpolation,
        fill_value=fill_value,
        data_format=standardize_data_format(data_format),
    )


def map_coordinates(
    inputs: Any,
    coordinates: Any,
    order: int,
    fill_mode: str = "constant",
    fill_value: float = 0,
) -> Any:
    """Return `inputs` read at `coordinates` [rank, ...]: the nearest element, or linearly.

    Raises:
        ValueError: coordinates of a wrong shape, an order that is not 0 or 1, or an unknown fill
            mode.
    """
    inputs, coordinates = operand(inputs), convert_to_tensor(coordinates)
    if coordinates.shape[0] != len(inputs.shape):
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. "
            f"Received: inputs.shape={tuple(inputs.shape)}, "
            f"coordinates.shape={tuple(coordinates.shape)}"
        )
    if len(coordinates.shape) < 2:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. "
            f"Received: coordinates.shape={tuple(coordinates.shape)}"
        )
    check_choice(fill_mode, FILL_MODES, "fill_mode")
    check_choice(order, (0, 1), "order")
    return apply(
        "image.map_coordinates",
        inputs,
        coordinates,
        order=int(order),
        fill_mode=fill_mode,
        fill_value=fill_value,
    )


def elastic_transform(
    images: Any,
    alpha: Any = 20.0,
    sigma: Any = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> Any:
    """Return images whose pixels are moved by `alpha` times random noise, smooth over `sigma`.

    Raises:
        ValueError: an unknown interpolation or fill mode, or a wrong rank.
    """
    images = operand(images)
    check_choice(interpolation, INTERPOLATIONS, "interpolation")
    check_choice(fill_mode, FILL_MODES, "fill_mode")
    check_rank(images)
    return apply(
        "image.elastic_transform",
        images,
        draw_seed(seed),
        convert_to_tensor(alpha),
        convert_to_tensor(sigma),
        kernel_size=int(6 * np.float32(sigma)) | 1,
        interpolation=interpolation,
        fill_mode=fill_mode,
        fill_value=fill_value,
        data_format=standardize_data_format(data_format),
    )


def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Any:
    """Return images scaled, then moved, along `spatial_dims`, in a frame of `output_shape`.

    Raises:
        ValueError: an unknown method.
    """
    check_choice(method, METHODS, "method")
    return apply(
        "image.scale_and_translate",
        operand(images),
        convert_to_tensor(scale),
        convert_to_tensor(translation),
        output_shape=attribute("", tuple(output_shape)),
        spatial_dims=attribute("", tuple(spatial_dims)),
        method=method,
        antialias=bool(antialias),
    )
