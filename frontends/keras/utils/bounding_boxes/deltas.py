"""Boxes as differences from anchors, which is what a detector learns, and back."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.utils.bounding_boxes.formats import convert_format

ENCODINGS = ("center_xywh", "center_yxhw")


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    encoding_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Return what moves `anchors` to `boxes` [..., 4]: shifts in anchor sizes, logs of ratios.

    `variance` (four numbers) divides them. `image_shape` is (height, width, channels).

    Raises:
        ValueError: a variance that is not of four numbers, or an unknown encoding.
    """
    scale = _variance(variance)
    _check_encoding(encoding_format, "encoding_format")
    size = _size(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, **size)
    boxes = convert_format(boxes, box_format, encoding_format, **size)
    anchor_size, box_size = (ops.maximum(b[..., 2:], epsilon()) for b in (anchors, boxes))
    # Not the operators: an array on the left of a symbolic tensor would refuse it.
    shift = ops.subtract(boxes[..., :2], anchors[..., :2]) / anchor_size
    deltas = ops.concatenate([shift, ops.log(ops.divide(box_size, anchor_size))], axis=-1)
    return deltas if scale is None else deltas / scale


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    encoded_format: str = "center_yxhw",
    variance: Any = None,
    image_shape: Any = None,
) -> Any:
    """Return the inverse of `encode_box_to_deltas`, for tensors or for dicts of them by level.

    Raises:
        ValueError: a variance that is not of four numbers, or an unknown encoding.
    """
    scale = _variance(variance)
    _check_encoding(encoded_format, "encoded_format")
    size = _size(image_shape)

    def decoded(anchor: Any, delta: Any) -> Any:
        anchor = convert_format(anchor, anchor_format, encoded_format, **size)
        delta = ops.convert_to_tensor(delta)
        delta = delta if scale is None else delta * scale
        center = ops.multiply(delta[..., :2], anchor[..., 2:]) + anchor[..., :2]
        sizes = ops.multiply(ops.exp(delta[..., 2:]), anchor[..., 2:])
        box = ops.concatenate([center, sizes], axis=-1)
        return convert_format(box, encoded_format, box_format, **size)

    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        return {level: decoded(anchor, boxes_delta[level]) for level, anchor in anchors.items()}
    return decoded(anchors, boxes_delta)


def _variance(variance: Any) -> Any:
    if variance is None:
        return None
    found = ops.convert_to_tensor(variance, "float32")
    if found.shape[-1:] != (4,):
        raise ValueError(f"`variance` must be of length 4. Received: variance={variance}")
    return found


def _check_encoding(name: str, argument: str) -> None:
    if name not in ENCODINGS:
        raise ValueError(
            f"Expected `{argument}` to be one of {ENCODINGS}. Received: {argument}={name!r}"
        )


def _size(image_shape: Any) -> dict[str, Any]:
    if image_shape is None:
        return {}
    height, width, _ = image_shape
    return {"height": height, "width": width}
