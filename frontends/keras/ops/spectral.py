"""The short-time Fourier transform of `keras.ops`, and its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.core import convert_to_tensor, dtype, shape
from graphc.keras.ops.uniform import operand

WINDOWS = ("hann", "hamming")


def get_window(name: str, length: int, periodic: bool = True) -> np.ndarray:
    """Return one of SciPy's windows [length] by name, as float64.

    Raises:
        ValueError: an unknown name.
    """
    # SciPy comes with JAX; it takes long to import, for which only those who need windows wait.
    import scipy.signal  # noqa: PLC0415

    try:
        return scipy.signal.get_window(name, length, periodic)
    except ValueError as error:
        raise ValueError(
            "Unknown window. Expected the name of one of SciPy's windows that needs no parameter. "
            f"Received: window={name!r}"
        ) from error


def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Any, Any]:
    """Return the short-time Fourier transform of `x` [..., T] as (real, imaginary).

    Args:
        sequence_length: the length of a window.
        sequence_stride: how far apart windows are.
        fft_length: the size of each transform; a window is centred in it.
        window: "hann", "hamming", an array [sequence_length], or None for ones.
        center: whether to pad `x` so that window t is centred at `t * sequence_stride`.

    Returns:
        Two tensors [..., N, fft_length / 2 + 1].

    Raises:
        TypeError: `x` is not float32 or float64.
        ValueError: an unknown window, or lengths that do not fit.
    """
    x = x if hasattr(x, "dtype") else convert_to_tensor(x)
    if dtype(x) not in ("float32", "float64"):
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={dtype(x)}"
        )
    given = _checked(window, sequence_length, sequence_stride, fft_length)
    return apply(
        "signal.stft", x, given, sequence_length=sequence_length, sequence_stride=sequence_stride,
        fft_length=fft_length, center=center,
    )  # fmt: skip


def istft(
    x: tuple[Any, Any],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Any:
    """Return the signal [..., T] whose `stft` is `x`, a (real, imaginary) pair.

    Args:
        length: cut the signal to this length; the other arguments are those of `stft`.

    Raises:
        ValueError: not a pair of equal shapes of rank 2 or more, an unknown window, or lengths that
            do not fit.
    """
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}"
        )
    real, imag = (operand(part) for part in x)
    if shape(real) != shape(imag) or len(shape(real)) < 2:
        raise ValueError(
            "Both the real and imaginary parts should have the same shape, of rank 2 or more. "
            f"Received: x[0].shape = {shape(real)}, x[1].shape = {shape(imag)}"
        )
    given = _checked(window, sequence_length, sequence_stride, fft_length)
    found = apply(
        "signal.istft", real, imag, given, sequence_length=sequence_length,
        sequence_stride=sequence_stride, fft_length=fft_length, length=length, center=center,
    )  # fmt: skip
    # Keras divides by the stride what it multiplied by the sum of a window of ones.
    return found if window is not None else found * (fft_length / sequence_stride)


def _checked(window: Any, length: int, stride: Any, fft_length: int) -> Any:
    """The window as an array, the lengths checked."""
    if not isinstance(stride, int) or stride <= 0:
        raise ValueError(
            f"`sequence_stride` must be a positive integer. Received: sequence_stride={stride}"
        )
    if fft_length < length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            f"Received: sequence_length={length}, fft_length={fft_length}"
        )
    if isinstance(window, str):
        if window not in WINDOWS:
            raise ValueError(
                f"If a string is passed to `window`, it must be one of {WINDOWS}. "
                f"Received: window={window!r}"
            )
        return get_window(window, length).astype("float32")
    if window is None:
        return None
    array = operand(window)
    if shape(array) != (length,):
        raise ValueError(
            f"The shape of `window` must be equal to [sequence_length], ({length},). "
            f"Received: window shape={shape(array)}"
        )
    return array
