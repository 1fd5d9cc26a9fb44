"""The functions of `keras.ops.image` that look at neighbourhoods: blur, edges, similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.ops.image.checks import check_rank
from graphc.keras.ops.uniform import attribute, operand


def gaussian_blur(
    images: Any,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Any:
    """Return images blurred by a Gaussian window of `kernel_size` and widths `sigma` (x, y).

    Raises:
        ValueError: the rank is not 3 or 4.
    """
    images = operand(images)
    check_rank(images)
    widths = np.asarray(sigma, np.float32) if isinstance(sigma, (tuple, list)) else sigma
    return apply(
        "image.gaussian_blur",
        images,
        operand(widths),
        kernel_size=attribute("", tuple(kernel_size)),
        data_format=standardize_data_format(data_format),
    )


def sobel_edges(images: Any, data_format: str | None = None) -> Any:
    """Return the derivatives along y and x of a batch of images, in a new last axis.

    Raises:
        ValueError: the rank is not 4.
    """
    images = operand(images)
    check_rank(images, (4,))
    return apply("image.sobel_edges", images, data_format=standardize_data_format(data_format))


def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Any:
    """Return the structural similarity, at most 1, of each pair of images.

    `max_val` is the span of the values, `filter_size` and `filter_sigma` describe the Gaussian
    window, and `k1`, `k2` keep divisions stable.

    Raises:
        ValueError: a rank is not 3 or 4.
    """
    image1, image2 = operand(image1), operand(image2)
    check_rank(image1, name="image1")
    check_rank(image2, name="image2")
    return apply(
        "image.ssim",
        image1,
        image2,
        max_val=max_val,
        filter_size=filter_size,
        filter_sigma=filter_sigma,
        k1=k1,
        k2=k2,
        data_format=standardize_data_format(data_format),
    )
