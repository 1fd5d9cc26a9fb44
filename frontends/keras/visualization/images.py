"""What the drawing functions share: batches of images as NumPy arrays with the channels last."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.engine.settings import standardize_data_format


def as_images(images: Any, data_format: str | None) -> np.ndarray:
    """Return images as [B, H, W, C].

    Raises:
        ValueError: not a batch of images.
    """
    array = np.asarray(images)
    if array.ndim != 4:
        raise ValueError(
            f"`images` must be batched 4D tensor. Received: images.shape={array.shape}"
        )
    first = standardize_data_format(data_format) == "channels_first"
    return array.transpose(0, 2, 3, 1) if first else array
