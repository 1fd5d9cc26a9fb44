"""The ways to write a bounding box in four numbers, by way of its corners (x1, y1, x2, y2)."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from graphc.keras import ops

Four = tuple[Any, Any, Any, Any]


def _sorted_back(a: Any, b: Any, c: Any, d: Any) -> Four:
    return b, a, d, c


def _from_corner(x: Any, y: Any, w: Any, h: Any) -> Four:
    return x, y, x + w, y + h


def _to_corner(x1: Any, y1: Any, x2: Any, y2: Any) -> Four:
    return x1, y1, x2 - x1, y2 - y1


def _from_center(x: Any, y: Any, w: Any, h: Any) -> Four:
    return x - w / 2.0, y - h / 2.0, x + w / 2.0, y + h / 2.0


def _to_center(x1: Any, y1: Any, x2: Any, y2: Any) -> Four:
    w, h = x2 - x1, y2 - y1
    return x1 + w / 2.0, y1 + h / 2.0, w, h


def _same(*numbers: Any) -> Any:
    return numbers


# name -> (to corners, from corners); "rel_" before a name measures in heights and widths.
PLAIN: dict[str, tuple[Callable[..., Four], Callable[..., Four]]] = {
    "xyxy": (_same, _same),
    "yxyx": (_sorted_back, _sorted_back),
    "xywh": (_from_corner, _to_corner),
    "center_xywh": (_from_center, _to_center),
    "center_yxhw": (
        lambda *numbers: _from_center(*_sorted_back(*numbers)),
        lambda *corners: _sorted_back(*_to_center(*corners)),
    ),
}
RELATIVE = "rel_"
FORMATS = (*PLAIN, "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def parts(boxes: Any) -> list[Any]:
    """Return the four numbers of boxes [..., 4] as tensors [..., 1]."""
    return ops.split(boxes, 4, axis=-1)


def joined(numbers: Any) -> Any:
    """Return the inverse of `parts`."""
    return ops.concatenate(list(numbers), axis=-1)


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    height: Any = None,
    width: Any = None,
    dtype: str = "float32",
) -> Any:
    """Return boxes [..., 4] of the format `source` in the format `target`.

    `boxes` is a tensor, or a dict whose "boxes" are. `height` and `width` are those of the image,
    numbers or tensors that broadcast; relative formats need them.

    Raises:
        ValueError: an unknown format, a last dimension other than 4, or a size that is missing.
    """
    if isinstance(boxes, dict):
        found = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": found}
    if ops.shape(boxes)[-1] != 4:
        raise ValueError(
            "`boxes` must be a tensor with the last dimension of 4. "
            f"Received: boxes.shape={ops.shape(boxes)}"
        )
    source, target = _known(source), _known(target)
    relative = source.startswith(RELATIVE), target.startswith(RELATIVE)
    if any(relative) and (height is None or width is None):
        raise ValueError(
            "`height` and `width` are needed to convert between relative and absolute formats. "
            f"Received: source={source}, target={target}, height={height}, width={width}"
        )
    boxes = ops.cast(boxes, dtype)
    if source == target:
        return boxes
    corners = PLAIN[source.removeprefix(RELATIVE)][0](*parts(boxes))
    if relative[0] != relative[1]:
        sizes = [ops.cast(size, dtype) for size in (width, height)] * 2
        scale = ops.multiply if relative[0] else ops.divide
        corners = tuple(scale(x, size) for x, size in zip(corners, sizes, strict=True))
    return joined(PLAIN[target.removeprefix(RELATIVE)][1](*corners))


def _known(name: str) -> str:
    found = name.lower()
    if found in FORMATS:
        return found
    near = difflib.get_close_matches(found, FORMATS)
    raise ValueError(
        f"Invalid source or target format. Expected one of {FORMATS}"
        + (f" (did you mean {near[0]!r}?)" if near else "")
        + f". Received: {name!r}"
    )


def clip_to_image_size(
    bounding_boxes: dict[str, Any],
    height: Any = None,
    width: Any = None,
    bounding_box_format: str = "xyxy",
) -> dict[str, Any]:
    """Return a dict of "boxes" cut off at the borders of the image, and their "labels".

    The label of a box of which nothing is left becomes -1.

    Raises:
        NotImplementedError: a format that is neither "xyxy" nor "rel_xyxy".
        ValueError: "xyxy" without `height` and `width`.
    """
    if bounding_box_format not in ("xyxy", "rel_xyxy"):
        raise NotImplementedError(
            "Expected `bounding_box_format` to be 'xyxy' or 'rel_xyxy'. "
            f"Received: bounding_box_format={bounding_box_format!r}"
        )
    if bounding_box_format == "xyxy" and (height is None or width is None):
        raise ValueError(
            "`height` and `width` must be set for the format 'xyxy'. "
            f"Received: height={height}, width={width}"
        )
    boxes, labels = ops.convert_to_tensor(bounding_boxes["boxes"]), bounding_boxes.get("labels")
    limits = (1.0, 1.0)
    if bounding_box_format == "xyxy":
        limits = ops.cast(width, boxes.dtype), ops.cast(height, boxes.dtype)
    pairs = zip(parts(boxes), limits * 2, strict=True)
    x1, y1, x2, y2 = (ops.clip(x, 0, limit) for x, limit in pairs)
    result = {**bounding_boxes, "boxes": joined((x1, y1, x2, y2))}
    if labels is not None:
        areas = ops.squeeze((x2 - x1) * (y2 - y1), axis=-1)
        result["labels"] = ops.where(areas > 0, labels, -1)
    return result
