"""Arrays with more or fewer samples along an axis, without compiling a program for each size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def _cubic(x: np.ndarray, inner: tuple[float, ...], outer: tuple[float, ...]) -> np.ndarray:
    near, far = np.polyval(inner, x), np.polyval(outer, x)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: np.where(x < radius, np.sinc(x) * np.sinc(x / radius), 0.0)


# The weight of a sample by its distance.
KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": lambda x: np.maximum(0.0, 1.0 - x),
    "bicubic": lambda x: _cubic(x, (1.5, -2.5, 0.0, 1.0), (-0.5, 2.5, -4.0, 2.0)),
    "mitchellcubic": lambda x: _cubic(
        x, (7 / 6, -2.0, 0.0, 8 / 9), (-7 / 18, 2.0, -10 / 3, 16 / 9)
    ),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": lambda x: np.where(x < 1.5, np.exp(-2.0 * x * x), 0.0),  # sigma = 1/2
}
INTERPOLATIONS = ("nearest", "area", *KERNELS)


def resize_image(image: np.ndarray, size: tuple[int, int], interpolation: str) -> np.ndarray:
    """An image [H, W, C] stretched to [h, w, C], in float32.

    Pixels are sampled at their centres, and not averaged where the image shrinks but for "area".
    """
    pixels = np.asarray(image, "float32")
    for axis, length in enumerate(size):
        pixels = _resized_axis(pixels, axis, length, interpolation)
    return pixels


def _resized_axis(pixels: np.ndarray, axis: int, length: int, interpolation: str) -> np.ndarray:
    before = pixels.shape[axis]
    if before == length:
        return pixels
    if interpolation == "nearest":
        centres = (np.arange(length) + 0.5) * before / length
        return pixels.take(np.floor(centres).astype(int), axis=axis)
    weights = _weights(before, length, interpolation)  # [before, length]
    return np.moveaxis(np.tensordot(pixels, weights, axes=(axis, 0)), -1, axis)


def _weights(before: int, after: int, interpolation: str) -> np.ndarray:
    """How much each sample counts for each new one: [before, after], columns of sum 1."""
    if interpolation == "area":
        edges = np.arange(after + 1) * before / after
        cells = np.arange(before)[:, None]
        weights = np.minimum(edges[1:], cells + 1) - np.maximum(edges[:-1], cells)
        weights = np.maximum(weights, 0.0)
    else:
        centres = (np.arange(after) + 0.5) * before / after - 0.5
        weights = KERNELS[interpolation](np.abs(centres - np.arange(before)[:, None]))
    return (weights / weights.sum(axis=0)).astype("float32")


def crop_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of an image [H, W, C] that has the aspect ratio of `size`."""
    height, width = image.shape[:2]
    rows = max(min(height, int(float(width * size[0]) / size[1])), 1)
    columns = max(min(width, int(float(height * size[1]) / size[0])), 1)
    top, left = int((height - rows) / 2), int((width - columns) / 2)
    return image[top : top + rows, left : left + columns]


def pad_to_ratio(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image [H, W, C] with zeros around it, so that it has the aspect ratio of `size`."""
    height, width = image.shape[:2]
    rows = max(height, int(float(width * size[0]) / size[1]))
    columns = max(width, int(float(height * size[1]) / size[0]))
    top, left = (rows - height) // 2, (columns - width) // 2
    return np.pad(image, ((top, top), (left, left), (0, 0)))  # the same on both sides, as in Keras


_TAPS = 32  # zero crossings of the windowed sinc on each side
_BLOCK = 1 << 14  # new samples made at a time, to bound the memory


def resample_signal(signal: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """A signal [T, C] at another sampling rate, band-limited by a Hann-windowed sinc, in float32.

    Args:
        signal: samples by channel.
        rate: its samples a second.
        new_rate: those of the result, which has ceil(T * new_rate / rate) samples.
    """
    if rate == new_rate or not len(signal):
        return signal
    cutoff = min(1.0, new_rate / rate)  # of the old Nyquist frequency
    reach = int(np.ceil(_TAPS / cutoff))
    padded = np.pad(signal.astype("float32"), ((reach, reach + 1), (0, 0)))
    count = -(-len(signal) * new_rate // rate)
    blocks = []
    for start in range(0, count, _BLOCK):
        places = np.arange(start, min(start + _BLOCK, count)) * rate / new_rate
        near = places.astype(int)[:, None] + np.arange(-reach, reach + 1)  # [block, taps]
        distance = (near - places[:, None]) * cutoff
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / _TAPS, -1, 1))
        weights = (cutoff * np.sinc(distance) * window).astype("float32")
        blocks.append(np.einsum("nt,ntc->nc", weights, padded[near + reach]))
    return np.concatenate(blocks)
