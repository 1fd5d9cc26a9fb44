"""Boxes moved as the pixels of their images are."""

from __future__ import annotations

import math
from typing import Any

from graphc.keras import ops
from graphc.keras.utils.bounding_boxes.formats import joined, parts


def affine_transform(
    boxes: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
    center_x: Any = None,
    center_y: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Return the smallest boxes around boxes [B, N, 4] that were turned, moved and sheared.

    Angles and shears [B] are in degrees, translations [B] in widths and heights, the centre in
    the same (its default is the middle).

    Raises:
        NotImplementedError: a format other than "xyxy".
    """
    _only_corners(bounding_box_format)
    center = (0.5 if c is None else c for c in (center_x, center_y))
    x_row, y_row = _inverse_rows(
        *center, angle, translate_x, translate_y, scale, shear_x, shear_y, height, width
    )
    x1, y1, x2, y2 = parts(ops.cast(boxes, x_row[0].dtype))  # [B, N, 1]
    x = ops.concatenate([x1, x2, x2, x1], axis=-1)  # [B, N, 4]: the corners
    y = ops.concatenate([y1, y1, y2, y2], axis=-1)
    moved = [  # boxes first: they may be KerasTensors, which arrays cannot be multiplied by
        x * a[:, None, None] + y * b[:, None, None] + c[:, None, None] for a, b, c in (x_row, y_row)
    ]
    ends = [end(line, axis=-1) for end in (ops.amin, ops.amax) for line in moved]
    return ops.stack(ends, axis=-1)


def _inverse_rows(
    center_x: Any,
    center_y: Any,
    angle: Any,
    translate_x: Any,
    translate_y: Any,
    scale: Any,
    shear_x: Any,
    shear_y: Any,
    height: Any,
    width: Any,
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Return (a0, a1, a2) and (b0, b1, b2), all [B]: where the point (x, y) goes."""
    angle, shear_x, shear_y = (ops.convert_to_tensor(value) for value in (angle, shear_x, shear_y))
    turn, skew_x, skew_y = (value * (-math.pi / 180.0) for value in (angle, shear_x, shear_y))
    center = ops.multiply(center_x, width - 1), ops.multiply(center_y, height - 1)
    from_x = center[0] - ops.multiply(translate_x, width - 1)
    from_y = center[1] - ops.multiply(translate_y, height - 1)
    a = ops.cos(turn - skew_y) / ops.cos(skew_y)
    c = -ops.sin(turn - skew_y) / ops.cos(skew_y)
    b = a * ops.tan(skew_x) + ops.sin(turn)
    d = ops.cos(turn) - c * ops.tan(skew_x)
    a0, a1, b0, b1 = (ops.multiply(factor, scale) for factor in (d, -b, -c, a))
    a2 = center[0] - a0 * from_x - a1 * from_y
    b2 = center[1] - b0 * from_x - b1 * from_y
    return (a0, a1, a2), (b0, b1, b2)


def crop(
    boxes: Any, top: Any, left: Any, height: Any, width: Any, bounding_box_format: str = "xyxy"
) -> Any:
    """Return boxes [..., 4] as seen in the rectangle of an image, cut off at its borders.

    Raises:
        NotImplementedError: a format other than "xyxy".
    """
    _only_corners(bounding_box_format)
    pairs = zip(
        parts(ops.convert_to_tensor(boxes)), ((left, width), (top, height)) * 2, strict=True
    )
    return joined(ops.clip(x - start, 0, limit) for x, (start, limit) in pairs)


def pad(
    boxes: Any,
    top: Any,
    left: Any,
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> Any:
    """Return boxes [..., 4] as seen in an image with `top` more rows and `left` more columns.

    Raises:
        NotImplementedError: a format other than "xyxy".
    """
    del height, width  # a larger frame moves nothing
    _only_corners(bounding_box_format)
    pairs = zip(parts(ops.convert_to_tensor(boxes)), (left, top) * 2, strict=True)
    return joined(x + border for x, border in pairs)


def _only_corners(bounding_box_format: str) -> None:
    if bounding_box_format != "xyxy":
        raise NotImplementedError(
            "Expected `bounding_box_format` to be 'xyxy'. "
            f"Received: bounding_box_format={bounding_box_format!r}"
        )
