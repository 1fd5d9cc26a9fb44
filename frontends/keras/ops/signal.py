"""The functions of `keras.ops` for signals: Fourier transforms and windows over time."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.uniform import operand, uniform

extract_sequences = uniform("signal.extract_sequences", "x; sequence_length, sequence_stride")
rfft = uniform("signal.rfft", "x; fft_length=None")


def fft(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the Fourier transform, over the last axis, of (real, imaginary) parts."""
    return apply("signal.fft", *(operand(part) for part in x))


def fft2(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the Fourier transform, over the last two axes, of (real, imaginary) parts."""
    return apply("signal.fft2", *(operand(part) for part in x))


def ifft2(x: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the inverse of `fft2`."""
    return apply("signal.ifft2", *(operand(part) for part in x))


def irfft(x: tuple[Any, Any], fft_length: int | None = None) -> Any:
    """Return the real signal whose `rfft` is given."""
    return apply("signal.irfft", *(operand(part) for part in x), fft_length=fft_length)
