"""`keras.ops.image`: images resized, cut, warped, filtered and recoloured."""

from graphc.keras.ops.image.colors import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from graphc.keras.ops.image.filters import gaussian_blur, sobel_edges, ssim
from graphc.keras.ops.image.frames import crop_images, pad_images, resize
from graphc.keras.ops.image.patches import extract_patches, extract_patches_3d
from graphc.keras.ops.image.warps import (
    affine_transform,
    elastic_transform,
    map_coordinates,
    perspective_transform,
    scale_and_translate,
)

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
