"""Images as arrays and as files. Files need Pillow (`pip install pillow`)."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.optional import find
from graphc.keras.engine.settings import floatx, standardize_data_format
from graphc.keras.engine.tensor import KerasTensor, Symbol

MODES = {4: "RGBA", 3: "RGB", 1: "L"}
COLOR_MODES = {"grayscale": ("L", "I;16", "I"), "rgb": ("RGB",), "rgba": ("RGBA",)}
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def need_pillow(caller: str) -> Any:
    """Return Pillow's `Image` module.

    Raises:
        ImportError: Pillow is not installed.
    """
    module = find("PIL.Image")
    if module is None:
        raise ImportError(f"Could not import PIL.Image. The use of `{caller}` requires PIL.")
    return module


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Any:
    """A Pillow image of an array.

    Args:
        x: [H, W, C] or, with channels first, [C, H, W]; C is 1, 3 or 4.
        data_format: "channels_last" or "channels_first"; None for the global setting.
        scale: whether values are stretched to 0 ... 255.
        dtype: what to compute in; None for floatx.

    Raises:
        ValueError: another rank or number of channels.
        ImportError: Pillow is not installed.
    """
    data_format = standardize_data_format(data_format)
    image = need_pillow("array_to_img")
    pixels = np.asarray(x, dtype=dtype or floatx())
    if pixels.ndim != 3:
        raise ValueError(
            f"Expected an array of rank 3 (a single image). Received: shape {pixels.shape}"
        )
    if data_format == "channels_first":
        pixels = pixels.transpose(1, 2, 0)  # [H, W, C]
    channels = pixels.shape[2]
    if channels not in MODES:
        raise ValueError(f"Expected 1, 3 or 4 channels. Received: {channels} channels")
    if scale:
        pixels = _stretched(pixels)
    if channels > 1:
        return image.fromarray(pixels.astype("uint8"))
    wide = np.max(pixels) > 255
    return image.fromarray(pixels[:, :, 0].astype("int32" if wide else "uint8"))


def _stretched(pixels: np.ndarray) -> np.ndarray:
    """Values from 0 to 255."""
    pixels = pixels - np.min(pixels)
    largest = np.max(pixels)
    if largest != 0:
        pixels /= largest
    pixels *= 255
    return pixels


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """An array of a Pillow image.

    Args:
        img: a Pillow image, or an array of rank 2 or 3.
        data_format: "channels_last" or "channels_first"; None for the global setting.
        dtype: the array's dtype; None for floatx.

    Returns:
        [H, W, C] or, with channels first, [C, H, W].

    Raises:
        ValueError: another rank.
    """
    first = standardize_data_format(data_format) == "channels_first"
    pixels = np.asarray(img, dtype=dtype or floatx())
    if pixels.ndim not in (2, 3):
        raise ValueError(f"Expected an image of rank 2 or 3. Received: shape {pixels.shape}")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]  # [H, W, 1]
    return pixels.transpose(2, 0, 1) if first else pixels


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file; see `array_to_img` for its form.

    Args:
        path: where to, or a file object.
        x: the image.
        data_format: "channels_last" or "channels_first"; None for the global setting.
        file_format: "png", "jpeg" ...; None takes the path's ending.
        scale: whether values are stretched to 0 ... 255.
        kwargs: options of Pillow's `Image.save`.
    """
    if file_format is None and isinstance(path, (str, Path)):
        file_format = Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    img = array_to_img(x, data_format=data_format, scale=scale)
    if img.mode == "RGBA" and file_format == "jpeg":
        warnings.warn(
            "The JPEG format does not support RGBA images, converting to RGB.", stacklevel=2
        )
        img = img.convert("RGB")
    img.save(path, format=file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image read from a file.

    Args:
        path: a path, or the file's content in a `io.BytesIO`.
        color_mode: "grayscale", "rgb" or "rgba".
        target_size: (height, width) to resize to; None keeps the image's own.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: whether the middle of the image is cut out so that nothing is stretched.

    Raises:
        TypeError: `path` is neither.
        ValueError: an unknown colour mode or interpolation.
        ImportError: Pillow is not installed.
    """
    img = _opened(need_pillow("load_img"), path)
    if color_mode not in COLOR_MODES:
        raise ValueError(
            f"`color_mode` must be one of {tuple(COLOR_MODES)}. Received: color_mode={color_mode!r}"
        )
    if img.mode not in COLOR_MODES[color_mode]:
        img = img.convert(COLOR_MODES[color_mode][0])
    if target_size is None or img.size == (target_size[1], target_size[0]):
        return img
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"`interpolation` must be one of {INTERPOLATIONS}. "
            f"Received: interpolation={interpolation!r}"
        )
    resample = getattr(need_pillow("load_img").Resampling, interpolation.upper())
    size = (target_size[1], target_size[0])
    box = _middle(img.size, size) if keep_aspect_ratio else None
    return img.resize(size, resample, box=box)


def _opened(image: Any, path: Any) -> Any:
    if isinstance(path, io.BytesIO):
        return image.open(path)
    if not isinstance(path, (str, bytes, Path)):
        raise TypeError(
            f"Expected `path` to be a path or an io.BytesIO. Received: path of type {type(path)}"
        )
    return image.open(io.BytesIO(Path(os.fsdecode(path)).read_bytes()))


def _middle(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box in the middle of an image that has the target's aspect ratio."""
    width, height = size
    crop_height = min(height, width * target[1] // target[0])
    crop_width = min(width, height * target[0] // target[1])
    left, top = (width - crop_width) // 2, (height - crop_height) // 2
    return left, top, left + crop_width, top + crop_height


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Any:
    """Images resized without being stretched: their middle of the target's aspect ratio.

    Args:
        x: [H, W, C] or [B, H, W, C] (or with channels first).
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        The resized images: NumPy for NumPy, else a tensor.

    Raises:
        ValueError: another rank, or a size that is not two numbers.
        TypeError: an unknown argument.
    """
    if kwargs:
        raise TypeError(f"smart_resize() got unexpected keyword arguments: {list(kwargs)}")
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    symbolic = isinstance(x, (KerasTensor, Symbol))
    shape = x.shape if symbolic else np.shape(x)
    if len(shape) not in (3, 4):
        raise ValueError(
            "Expected images of shape (height, width, channels) or (batch_size, height, width, "
            f"channels). Received: shape {shape}"
        )
    resized = apply(
        "image.resize", _cropped(x, shape, size, data_format), size=tuple(size),
        interpolation=interpolation, data_format=data_format,
    )  # fmt: skip
    return np.array(resized) if isinstance(x, np.ndarray) else resized


def _cropped(x: Any, shape: Any, size: tuple[int, int], data_format: str) -> Any:
    """The middle of the images that has the aspect ratio of `size`."""
    last = data_format == "channels_last"
    height, width = (shape[-3], shape[-2]) if last else (shape[-2], shape[-1])
    crop_height = max(min(height, int(float(width * size[0]) / size[1])), 1)
    crop_width = max(min(width, int(float(height * size[1]) / size[0])), 1)
    top, left = int((height - crop_height) / 2), int((width - crop_width) / 2)
    rows, columns = slice(top, top + crop_height), slice(left, left + crop_width)
    index = (rows, columns, slice(None)) if last else (slice(None), rows, columns)
    return (x if hasattr(x, "shape") else np.asarray(x))[(..., *index)]
