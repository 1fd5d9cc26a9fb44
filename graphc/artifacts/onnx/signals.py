"""Fourier transforms of tensors given as real and imaginary parts, as products with matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.artifacts.onnx.task import Result, Table, Task, Translator
from graphc.artifacts.onnx.writer import Tensor

Matrix = np.ndarray[Any, Any]


def waves(length: int, taken: int, frequencies: int) -> tuple[Matrix, Matrix]:
    """Return cosines and sines [taken, frequencies] of a transform; zero from `length` on."""
    times = np.arange(taken)
    angles = 2 * np.pi * np.outer(times, np.arange(frequencies)) / length
    kept = (times < length)[:, None]
    return np.cos(angles) * kept, np.sin(angles) * kept


def _product(task: Task, x: Any, matrix: Matrix, left: bool = False) -> str:
    weights = matrix.astype("float32")
    return task.emit("MatMul", weights, x) if left else task.emit("MatMul", x, weights)


def _along(
    task: Task, parts: tuple[Any, Any], length: int, inverse: bool, left: bool
) -> tuple[str, str]:
    """Return the transform along the last axis, or with `left` along the one before it."""
    cosines, sines = waves(length, length, length)
    if inverse:
        cosines, sines = cosines / length, -sines / length
    real, imaginary = parts
    turned = [
        _product(task, part, matrix, left)
        for part, matrix in ((real, cosines), (imaginary, sines), (imaginary, cosines),
                             (real, sines))
    ]  # fmt: skip
    return task.emit("Add", turned[0], turned[1]), task.emit("Sub", turned[2], turned[3])


def _transform(axes: int, inverse: bool) -> Translator:
    def translate(task: Task) -> Result:
        real = task.x()
        sizes = real.shape[-axes:]
        if not all(isinstance(size, int) for size in sizes) or real.ndim < 2:
            return None
        parts: tuple[Any, Any] = tuple(task.cast(one, "float32") for one in task.given)
        parts = _along(task, parts, int(str(sizes[-1])), inverse, left=False)
        if axes == 2:
            parts = _along(task, parts, int(str(sizes[0])), inverse, left=True)
        return list(parts)

    return translate


def _rfft(task: Task) -> Result:
    x = task.x()
    size, length = x.shape[-1], task.attr("fft_length")
    if not isinstance(size, int):
        return None
    return list(_spectrum(task, task.cast(x, "float32"), size, length or size))


def _spectrum(
    task: Task, x: Any, size: int, length: int, window: Matrix | None = None
) -> tuple[str, str]:
    cosines, sines = waves(length, size, length // 2 + 1)
    factor = np.ones((size, 1)) if window is None else window[:, None]
    return _product(task, x, factor * cosines), _product(task, x, -factor * sines)


def _irfft(task: Task) -> Result:
    real, imaginary = task.given
    count = real.shape[-1]
    if not isinstance(count, int):
        return None
    length = task.attr("fft_length") or 2 * (count - 1)
    cosines, sines = waves(length, length, count)
    frequencies = np.arange(count)
    twice = np.where((frequencies == 0) | (2 * frequencies == length), 1, 2)
    weights = (twice * (frequencies <= length // 2))[:, None] / length
    first = _product(task, task.cast(real, "float32"), weights * cosines.T)
    return task.emit(
        "Sub", first, _product(task, task.cast(imaginary, "float32"), weights * sines.T)
    )


def _stft(task: Task) -> Result:
    x, window = task.inputs
    assert x is not None
    size, length = x.shape[-1], task.attr("fft_length")
    if not isinstance(size, int) or (window is not None and not window.known):
        return None
    places = np.arange(size)
    if task.attr("center", True):
        places = np.pad(places, length // 2, mode="reflect")
    step = task.attr("sequence_stride")
    count = 1 + (len(places) - length) // step
    frames = places[np.arange(count)[:, None] * step + np.arange(length)]
    found = task.emit("Gather", task.cast(x, "float32"), frames.astype("int64"), axis=x.ndim - 1)
    return list(_spectrum(task, found, length, length, _frame(window, task, length)))


def _frame(window: Tensor | None, task: Task, length: int) -> Matrix:
    """Return the window in the middle of a frame."""
    if window is None:
        return np.ones(length)
    left = (length - task.attr("sequence_length")) // 2
    return np.pad(window.numpy("float64"), (left, length - task.attr("sequence_length") - left))


OPS: Table = {
    "signal.fft": _transform(1, inverse=False), "signal.ifft": _transform(1, inverse=True),
    "signal.fft2": _transform(2, inverse=False), "signal.ifft2": _transform(2, inverse=True),
    "signal.rfft": _rfft, "signal.irfft": _irfft, "signal.stft": _stft,
}  # fmt: skip
