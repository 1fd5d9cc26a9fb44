"""What turns pictures, and changes their height and width."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops

METHODS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


class ResizeMethod:
    """The names of the ways to resize."""

    BILINEAR = "bilinear"
    NEAREST_NEIGHBOR = "nearest"
    BICUBIC = "bicubic"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"


def resize(
    images: Any,
    size: Any,
    method: str = ResizeMethod.BILINEAR,
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """Return pictures of another size: float32, but the dtype that they had for "nearest".

    Args:
        images: [H, W, C] or [B, H, W, C].
        size: the new height and width.
        method: one of `ResizeMethod`.
        preserve_aspect_ratio: whether to keep the shape, and be as large as fits into `size`.
        antialias: whether to smooth before making smaller.
        name: no effect.

    Raises:
        ValueError: an unknown method.
    """
    if method not in METHODS:
        raise ValueError(
            f"Expected `method` to be one of {', '.join(METHODS)}. Received: {method!r}"
        )
    images = ops.convert_to_tensor(images)
    height, width = (int(one) for one in size)
    if preserve_aspect_ratio:
        scale = min(height / images.shape[-3], width / images.shape[-2])
        height, width = (round(scale * one) for one in images.shape[-3:-1])
    images = images if method == "nearest" else ops.cast(images, "float32")
    return ops.image.resize(
        images, (height, width), method, antialias=antialias, data_format="channels_last"
    )


def flip_left_right(image: Any) -> Any:
    """Return the mirror image."""
    return ops.flip(image, axis=-2)


def flip_up_down(image: Any) -> Any:
    """Return the picture upside down."""
    return ops.flip(image, axis=-3)


def transpose(image: Any, name: str | None = None) -> Any:
    """Return the picture with rows and columns changed about."""
    return ops.swapaxes(image, -3, -2)


def rot90(image: Any, k: int = 1, name: str | None = None) -> Any:
    """Return the picture turned `k` times by 90 degrees, anticlockwise."""
    return ops.rot90(image, k=int(k), axes=(-3, -2))


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """Return the part of that height and width which begins at the offsets.

    Raises:
        ValueError: it is not inside of the picture.
    """
    image = ops.convert_to_tensor(image)
    end = offset_height + target_height, offset_width + target_width
    room = image.shape[-3] - end[0], image.shape[-2] - end[1]
    if min(offset_height, offset_width, *room) < 0:
        raise ValueError(
            f"Expected a box inside of the picture, which is {image.shape[-3]} by "
            f"{image.shape[-2]}. Received: rows {offset_height} to {end[0]}, columns "
            f"{offset_width} to {end[1]}"
        )
    return image[..., offset_height : end[0], offset_width : end[1], :]


def pad_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """Return a picture of that height and width, zero but for this one at the offsets.

    Raises:
        ValueError: this one does not fit in.
    """
    image = ops.convert_to_tensor(image)
    after = (
        target_height - offset_height - image.shape[-3],
        target_width - offset_width - image.shape[-2],
    )
    if min(offset_height, offset_width, *after) < 0:
        raise ValueError(
            f"Expected a picture that fits into {target_height} by {target_width} at "
            f"({offset_height}, {offset_width}). Received: shape {tuple(image.shape)}"
        )
    widths = [[offset_height, after[0]], [offset_width, after[1]], [0, 0]]
    return ops.pad(image, [[0, 0]] * (len(image.shape) - 3) + widths)


def central_crop(image: Any, central_fraction: float) -> Any:
    """Return the middle of the picture: that share of its height and its width.

    Raises:
        ValueError: a share that is not in (0, 1].
    """
    if not 0 < central_fraction <= 1:
        raise ValueError(f"Expected a fraction in (0, 1]. Received: {central_fraction}")
    image = ops.convert_to_tensor(image)
    height, width = image.shape[-3:-1]
    top, left = (int((size - size * central_fraction) / 2) for size in (height, width))
    return image[..., top : height - top, left : width - left, :]


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Any:
    """Return the middle of the picture, or the picture in the middle of zeros."""
    image = ops.convert_to_tensor(image)
    height, width = image.shape[-3:-1]
    rows, columns = min(height, target_height), min(width, target_width)
    middle = crop_to_bounding_box(
        image, (height - rows) // 2, (width - columns) // 2, rows, columns
    )
    top, left = (target_height - rows) // 2, (target_width - columns) // 2
    return pad_to_bounding_box(middle, top, left, target_height, target_width)


def resize_with_pad(
    image: Any,
    target_height: int,
    target_width: int,
    method: str = ResizeMethod.BILINEAR,
    antialias: bool = False,
) -> Any:
    """Return the picture as large as fits, in the middle of zeros."""
    size = (target_height, target_width)
    fitted = resize(image, size, method, preserve_aspect_ratio=True, antialias=antialias)
    return resize_with_crop_or_pad(fitted, target_height, target_width)


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Any:
    """Return patches [B, rows, columns, patch] of pictures; sizes are [1, height, width, 1]."""
    return ops.image.extract_patches(
        images, tuple(sizes[1:3]), strides=tuple(strides[1:3]), dilation_rate=tuple(rates[1:3]),
        padding=padding.lower(), data_format="channels_last",
    )  # fmt: skip
