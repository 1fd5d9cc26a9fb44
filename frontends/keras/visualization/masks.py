"""Segmentation masks drawn over images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphc.keras.visualization.images import as_images

PALETTE = np.array([2**25 - 1, 2**15 - 1, 2**21 - 1])  # the usual colours of Pascal VOC's tools


def draw_segmentation_masks(
    images: Any,
    segmentation_masks: Any,
    num_classes: int | None = None,
    color_mapping: Mapping[int, Sequence[int]] | None = None,
    alpha: float = 0.8,
    blend: bool = True,
    ignore_index: int = -1,
    data_format: str | None = None,
) -> np.ndarray:
    """Images with the pixels of each class in a colour of its own.

    Args:
        images: [B, H, W, 3] (or with channels first), 0 to 255.
        segmentation_masks: integer classes [B, H, W, 1] (or with channels first).
        num_classes: how many classes to draw; None for the largest class in the masks.
        color_mapping: colours by class; None for colours of ours.
        alpha: how much of the colour is seen, 0 to 1.
        blend: whether the image is seen through the colours.
        ignore_index: the class of pixels that stay as they are.
        data_format: "channels_last" or "channels_first"; None for the global setting.

    Returns:
        [B, H, W, 3]: uint8, or float32 without blending.

    Raises:
        ValueError: not a batch of images.
        TypeError: masks that are not integers.
    """
    pictures = as_images(images, data_format).astype("float32")
    masks = as_images(segmentation_masks, data_format)
    if masks.dtype.kind not in "iu":
        raise TypeError(
            "`segmentation_masks` must be in integer dtype. "
            f"Received: segmentation_masks.dtype={masks.dtype}"
        )
    classes = masks[..., 0]  # [B, H, W]
    count = int(classes.max()) if num_classes is None else num_classes
    drawn = pictures.copy()
    for number in range(count):
        color = number * PALETTE % 255 if color_mapping is None else color_mapping[number]
        drawn[classes == number] = np.asarray(color, "float32")
    if not blend:
        return drawn
    blended = pictures * (1 - alpha) + drawn * alpha
    return np.where((classes != ignore_index)[..., None], blended, pictures).astype("uint8")
