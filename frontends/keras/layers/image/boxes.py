"""The bounding boxes of inputs: checked, and made dense where they are ragged lists."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras import ops

LABEL_RANKS = {2: (1, 2), 3: (2, 3)}  # rank of boxes -> ranks of labels that go with them


def dense_boxes(bounding_boxes: Any) -> dict[str, Any]:
    """Return boxes and labels as tensors; ragged lists are padded with zeros and labels of -1.

    Raises:
        ValueError: not a dict with "boxes" and "labels", or ranks or lengths that do not match.
    """
    keys = bounding_boxes.keys() if isinstance(bounding_boxes, dict) else ()
    if "boxes" not in keys or "labels" not in keys:
        raise ValueError(
            "Expected `bounding_boxes` to be a dict with keys 'boxes' and 'labels'. "
            f"Received: bounding_boxes={bounding_boxes}"
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, list):
        boxes, labels = _from_lists(boxes, labels)
    _check_ranks(ops.shape(boxes), ops.shape(labels))
    boxes = ops.convert_to_tensor(boxes, dtype="float32")
    return {**bounding_boxes, "boxes": boxes, "labels": ops.convert_to_tensor(labels)}


def _from_lists(boxes: list[Any], labels: Any) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(labels, list) or len(labels) != len(boxes):
        raise ValueError(
            "Expected the labels of a list of boxes to be a list of the same length. "
            f"Received: labels={labels}"
        )
    if not boxes or np.ndim(boxes[0]) != 2:
        return np.asarray(boxes, "float32").reshape(-1, 4), np.asarray(labels, "int32")
    most = max(len(one) for one in boxes)
    dense = np.zeros((len(boxes), most, 4), "float32")
    classes = np.full((len(boxes), most), -1, "int32")
    for row, (one, names) in enumerate(zip(boxes, labels, strict=True)):
        dense[row, : len(one)], classes[row, : len(names)] = one, names
    return dense, classes


def _check_ranks(boxes: tuple[Any, ...], labels: tuple[Any, ...]) -> None:
    if len(boxes) not in LABEL_RANKS:
        raise ValueError(
            "Expected `bounding_boxes['boxes']` to have the shape (num_boxes, 4) or "
            f"(batch_size, num_boxes, 4). Received: bounding_boxes['boxes'].shape={boxes}"
        )
    if len(labels) not in LABEL_RANKS[len(boxes)]:
        raise ValueError(
            f"Expected bounding_boxes['labels'] to have a rank of {LABEL_RANKS[len(boxes)]} for "
            f"bounding_boxes['boxes'].shape={boxes}. "
            f"Received: bounding_boxes['labels'].shape={labels}"
        )
