"""How much boxes overlap: intersection over union, plain and complete."""

from __future__ import annotations

import math
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.utils.bounding_boxes.formats import convert_format, parts


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    image_shape: Any = None,
) -> Any:
    """Return the intersection over union of every pair, [M, N] or [B, M, N].

    Each of the two is [M, 4] or [B, M, 4]. With `use_masking`, pairs with a box of negative
    numbers only (padding) give `mask_val`.

    Raises:
        ValueError: a rank that is not 2 or 3, or a relative format without `image_shape`.
    """
    ranks = [len(ops.shape(boxes)) for boxes in (boxes1, boxes2)]
    if any(rank not in (2, 3) for rank in ranks):
        raise ValueError(
            "compute_iou() expects boxes of rank 2 (unbatched) or 3 (batched). "
            f"Received: ranks of boxes1 and boxes2={ranks}"
        )
    boxes1, boxes2 = _corners(bounding_box_format, image_shape, boxes1, boxes2)
    rows = parts(boxes1)  # [..., M, 1]
    columns = [ops.swapaxes(part, -1, -2) for part in parts(boxes2)]  # [..., 1, N]
    shared, union = _areas(rows, columns)
    ratio = ops.divide(shared, union + epsilon())
    if not use_masking:
        return ratio
    padding1 = ops.max(boxes1, axis=-1, keepdims=True) < 0.0
    padding2 = ops.swapaxes(ops.max(boxes2, axis=-1, keepdims=True) < 0.0, -1, -2)
    masked = ops.cast(mask_val, ratio.dtype) * ops.ones_like(ratio)
    return ops.where(ops.logical_or(padding1, padding2), masked, ratio)


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, image_shape: Any = None
) -> Any:
    """Return the complete IoU of boxes [..., 4], pair by pair: it falls with distance and aspect.

    Raises:
        ValueError: a relative format.

    Source: Zheng et al., "Distance-IoU loss", 2020.
    """
    if "rel" in bounding_box_format:
        raise ValueError(
            "compute_ciou() expects an absolute bounding box format. "
            f"Received: bounding_box_format={bounding_box_format!r}, image_shape={image_shape}"
        )
    boxes1, boxes2 = _corners(bounding_box_format, image_shape, boxes1, boxes2)
    one, two = parts(boxes1), parts(boxes2)
    sizes = [(x2 - x1, y2 - y1 + epsilon()) for x1, y1, x2, y2 in (one, two)]
    (width1, height1), (width2, height2) = sizes
    shared = _shared_length(one, two, 0) * _shared_length(one, two, 1)
    union = ops.add(width1 * height1, width2 * height2) - shared + epsilon()
    iou = ops.divide(shared, union + epsilon())
    hull, distance = epsilon(), 0.0
    for axis in (0, 1):
        first = ops.minimum(one[axis], two[axis])
        last = ops.maximum(one[axis + 2], two[axis + 2])
        middles = [(box[axis] + box[axis + 2]) / 2 for box in (one, two)]
        apart = ops.subtract(*middles)
        hull, distance = hull + (last - first) ** 2, distance + apart**2
    angles = ops.subtract(ops.arctan(width2 / height2), ops.arctan(width1 / height1))
    aspect = 4 / math.pi**2 * ops.power(angles, 2)
    weight = aspect / (aspect - iou + (1 + epsilon()))
    return ops.squeeze(iou - (distance / hull + aspect * weight), axis=-1)


def _corners(name: str, image_shape: Any, *boxes: Any) -> list[Any]:
    if "rel" in name and image_shape is None:
        raise ValueError(
            "Relative bounding box formats need `image_shape`. "
            f"Received: bounding_box_format={name!r}, image_shape=None"
        )
    height, width, _ = image_shape or (None, None, None)
    return [convert_format(b, name, "xyxy", height, width) for b in boxes]


def _shared_length(one: list[Any], two: list[Any], axis: int) -> Any:
    last = ops.minimum(one[axis + 2], two[axis + 2])
    return ops.maximum(last - ops.maximum(one[axis], two[axis]), 0)


def _areas(one: list[Any], two: list[Any]) -> tuple[Any, Any]:
    """Return the areas of intersections and of unions."""
    shared = _shared_length(one, two, 1) * _shared_length(one, two, 0)
    first, second = ((y2 - y1) * (x2 - x1) for x1, y1, x2, y2 in (one, two))
    return shared, ops.add(first, second) - shared
