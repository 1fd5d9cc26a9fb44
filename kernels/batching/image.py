"""Batch rules of ops on images: axis 0 of four is the batch, and a single image has three."""

from __future__ import annotations

from graphc.kernels.batching.kinds import MIXED, Attrs, Kinds, Outs, Rule, Specs, first_operand
from graphc.kernels.batching.layers import leading_batch
from graphc.kernels.registry import TensorSpec


def _batched(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim == 4 and source.shape[0] == out.shape[0]


def _patches(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return source.ndim == len(attrs["size"]) + 2


def _with_rows(*operands: int) -> Rule:
    """As `leading_batch`, for images that are a batch."""
    several = leading_batch(*operands)

    def complete(kinds: tuple[str | None, ...], specs: Specs, attrs: Attrs, outs: Outs) -> Kinds:
        images = specs[0]
        if images is None or images.ndim != 4:
            return (MIXED,) * len(outs)
        return several(kinds, specs, attrs, outs)

    return complete


ONE_BY_ONE = (
    "resize", "crop_images", "rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb", "sobel_edges",
    "gaussian_blur", "elastic_transform", "clahe",
)  # fmt: skip

RULES: dict[str, Rule] = {
    **{f"image.{name}": first_operand(_batched, zero=False) for name in ONE_BY_ONE},
    "image.pad_images": first_operand(_batched, zero=True),
    "image.extract_patches": first_operand(_patches, zero=False),
    "image.affine_transform": _with_rows(0, 1),
    "image.perspective_transform": _with_rows(0, 1, 2),
    "image.homography": leading_batch(0, 1),
    "image.ssim": _with_rows(0, 1),
}
