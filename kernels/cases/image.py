"""Cases of ops on images."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.kernels.cases.case import BATCH, SEED, Case, floats, given

LAST, FIRST = (BATCH, 9, 7, 3), (BATCH, 3, 9, 7)
PHOTO = (BATCH, 64, 64, 3)
COLORS = {"low": 0.0, "high": 1.0}
CORNERS = np.array([[[0, 0], [6, 0], [0, 8], [6, 8]]] * 4)
IN_FIRST = {"data_format": "channels_first"}


def _resizes() -> list[Case]:
    attrs: dict[str, dict[str, Any]] = {
        "bilinear": {},
        "nearest": {"interpolation": "nearest"},
        "bicubic": {"interpolation": "bicubic", "antialias": True},
        "lanczos3": {"interpolation": "lanczos3"},
        "cropped": {"crop_to_aspect_ratio": True},
        "padded": {"pad_to_aspect_ratio": True, "fill_value": 1.0},
    }
    return [
        *(Case("image.resize", n, (floats(*LAST),), {"size": (6, 10), **a})
          for n, a in attrs.items()),
        Case("image.resize", "first", (floats(*FIRST),), {"size": (6, 10), **IN_FIRST}),
        Case("image.resize", "single", (floats(9, 7, 3),), {"size": (6, 10)}),
        Case("image.resize", "photo", (floats(*PHOTO),), {"size": (224, 224)}, 8, bench=True),
    ]  # fmt: skip


def _patches() -> list[Case]:
    name, one, two = "image.extract_patches", (1, 1), (2, 2)
    tiles = {"size": (3, 2), "strides": (3, 2), "dilation_rate": one}
    vit = {"size": (16, 16), "strides": (16, 16), "dilation_rate": one}
    return [
        Case(name, "tiles", (floats(*LAST),), tiles),
        Case(name, "tiles_first", (floats(*FIRST),), {**tiles, **IN_FIRST}),
        Case(name, "overlapping", (floats(*LAST),), {**tiles, "strides": one, "padding": "same"}),
        Case(name, "dilated", (floats(*LAST),), {**tiles, "strides": two, "dilation_rate": two}),
        Case(name, "single", (floats(9, 7, 3),), {**tiles, "strides": two}),
        Case(name, "volume", (floats(BATCH, 4, 5, 6, 2),),
             {"size": (2, 2, 3), "strides": (1, 2, 3), "dilation_rate": (1, 1, 1)}),
        Case(name, "vit", (floats(BATCH, 224, 224, 3),), vit, 8, bench=True),
    ]  # fmt: skip


def _warps() -> list[Case]:
    images = floats(*LAST)
    near = {"low": -0.2, "high": 0.2}
    affine, order = "image.affine_transform", {"order": 1}
    rows = (floats(*LAST), floats(BATCH, 6, low=-1.0, high=1.0))
    photo = (floats(*PHOTO), floats(BATCH, 6, low=-1.0, high=1.0))
    blur = {"kernel_size": 5}
    return [
        *(Case(affine, mode, rows, {"fill_mode": mode})
          for mode in ("constant", "nearest", "wrap", "mirror", "reflect")),
        Case(affine, "nearest_pixel", rows, {"interpolation": "nearest"}),
        Case(affine, "eight", (images, floats(BATCH, 8, **near))),
        Case(affine, "one", (images, floats(8, **near))),
        Case(affine, "first", (floats(*FIRST), floats(BATCH, 6)), IN_FIRST),
        Case(affine, "photo", photo, {"fill_mode": "reflect"}, 32, bench=True),
        Case("image.homography", "corners", (given(CORNERS), floats(4, 4, 2, **near))),
        Case("image.perspective_transform", "corners",
             (images, given(CORNERS), given(CORNERS * 0.8)),
             {"fill_value": 0.5}),
        Case("image.map_coordinates", "linear", (floats(9, 7), floats(2, 5, high=8.0)), order),
        Case("image.map_coordinates", "nearest", (floats(9, 7), floats(2, 5, high=8.0)),
             {"order": 0, "fill_mode": "mirror"}),
        Case("image.elastic_transform", "batch", (images, SEED, given(2.0), given(0.7)), blur),
        Case("image.scale_and_translate", "larger", (images, given([2.0, 1.5]), given([-1.0, 0.5])),
             {"output_shape": (4, 8, 8, 3), "spatial_dims": (1, 2), "method": "linear"}),
    ]  # fmt: skip


def image_cases() -> tuple[Case, ...]:
    """Cases for `image`."""
    images, colors = floats(*LAST), floats(*LAST, **COLORS)
    tones = floats(*LAST, low=0.0, high=255.0)
    large = floats(BATCH, 16, 16, 1)
    blur = {"kernel_size": (3, 5)}
    return (
        *_resizes(),
        *_patches(),
        Case("image.pad_images", "last", (images,),
             {"rows": (1, None, 12), "columns": (0, 2, None)}),
        Case("image.crop_images", "first", (floats(*FIRST),),
             {"rows": (None, 2, 4), "columns": (1, 2, None), **IN_FIRST}),
        *_warps(),
        *(Case(f"image.{name}", "last", (colors,))
          for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
        *(Case(f"image.{name}", "first", (floats(*FIRST, **COLORS),), IN_FIRST)
          for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb")),
        Case("image.gaussian_blur", "last", (images, given([0.8, 1.3])), blur),
        Case("image.gaussian_blur", "first", (floats(*FIRST), given([0.8, 1.3])),
             {**blur, **IN_FIRST}),
        Case("image.sobel_edges", "last", (images,)),
        Case("image.sobel_edges", "first", (floats(*FIRST),), IN_FIRST),
        Case("image.ssim", "batch", (large, large)),
        Case("image.equalize", "bytes", (tones,)),
        Case("image.equalize", "few_bins", (colors,), {"bins": 16, "value_range": (0.0, 1.0)}),
        Case("image.clahe", "tiles", (tones,), {"tile_grid_size": (2, 3), "clip_limit": 2.0}),
    )  # fmt: skip
