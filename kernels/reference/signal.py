"""Fourier transforms of tensors given as real and imaginary parts: `signal.*`."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import inexact
from graphc.kernels.registry import op

Complex = tuple[Array, Array]


def _transform(function: Callable[[Array], Array]) -> Callable[[ArrayLike, ArrayLike], Complex]:
    def reference(real: ArrayLike, imag: ArrayLike) -> Complex:
        return _parts(function(_joined(real, imag)))

    reference.__name__ = reference.__qualname__ = function.__name__
    reference.__doc__ = "The transform over the last axis (2-D: last two) as (real, imaginary)."
    return reference


def _joined(real: ArrayLike, imag: ArrayLike) -> Array:
    return lax.complex(inexact(real), inexact(imag))


def _parts(x: Array) -> Complex:
    return jnp.real(x), jnp.imag(x)


for _function in (jnp.fft.fft, jnp.fft.ifft, jnp.fft.fft2, jnp.fft.ifft2):
    op(f"signal.{_function.__name__}")(_transform(_function))


@op("signal.rfft")
def rfft(x: ArrayLike, *, fft_length: int | None = None) -> Complex:
    """The non-negative frequencies [..., n/2 + 1] of real `x`, as (real, imaginary)."""
    return _parts(jnp.fft.rfft(jnp.asarray(x), n=fft_length))


@op("signal.irfft")
def irfft(real: ArrayLike, imag: ArrayLike, *, fft_length: int | None = None) -> Array:
    """The real signal whose `rfft` is given."""
    return jnp.fft.irfft(_joined(real, imag), n=fft_length)


@op("signal.extract_sequences")
def extract_sequences(x: ArrayLike, *, sequence_length: int, sequence_stride: int) -> Array:
    """Windows over the last axis: [..., T] to [..., N, sequence_length]."""
    signal = jnp.asarray(x)
    count = 1 + (signal.shape[-1] - sequence_length) // sequence_stride
    starts = jnp.arange(count) * sequence_stride
    return signal[..., starts[:, None] + jnp.arange(sequence_length)]


@op("signal.stft")
def stft(
    x: ArrayLike,
    window: ArrayLike | None,
    *,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    center: bool = True,
) -> Complex:
    """The short-time Fourier transform of `x` [..., T]: two of [..., N, fft_length / 2 + 1].

    `window` [sequence_length] is centred in a frame of `fft_length`; None is a window of ones.
    """
    signal = jnp.asarray(x)
    if center:
        half = fft_length // 2
        signal = jnp.pad(signal, ((0, 0),) * (signal.ndim - 1) + ((half, half),), mode="reflect")
    frames = extract_sequences(signal, sequence_length=fft_length, sequence_stride=sequence_stride)
    return _parts(jnp.fft.rfft(frames * _frame_window(window, sequence_length, fft_length, signal)))


def _frame_window(
    window: ArrayLike | None, sequence_length: int, fft_length: int, like: Array
) -> Array:
    if window is None:
        return jnp.ones(fft_length, like.dtype)
    left = (fft_length - sequence_length) // 2
    right = fft_length - sequence_length - left
    return jnp.pad(jnp.asarray(window, like.dtype), (left, right))


@op("signal.istft")
def istft(
    real: ArrayLike,
    imag: ArrayLike,
    window: ArrayLike | None,
    *,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    center: bool = True,
) -> Array:
    """The signal [..., T] whose `stft` is given, by overlap and add of windowed frames."""
    spectrum = _joined(real, imag)  # [..., N, F]
    weights = _frame_window(window, sequence_length, fft_length, jnp.real(spectrum))
    frames = jnp.fft.irfft(spectrum, n=fft_length) * weights
    total = fft_length + sequence_stride * (spectrum.shape[-2] - 1)
    signal = _overlap_add(frames, sequence_stride, total)
    norm = _overlap_add(jnp.broadcast_to(weights**2, frames.shape[-2:]), sequence_stride, total)
    signal = signal / jnp.where(norm > 1e-10, norm, 1.0)
    start = fft_length // 2 if center else 0
    stop = total - start if length is None else start + length
    return signal[..., start:stop]


def _overlap_add(frames: Array, stride: int, total: int) -> Array:
    lead = frames.shape[:-2]
    flat = frames.reshape((math.prod(lead), *frames.shape[-2:]))
    places = stride * jnp.arange(frames.shape[-2])[:, None] + jnp.arange(frames.shape[-1])
    summed = jax.vmap(lambda f: jnp.zeros(total, f.dtype).at[places].add(f))(flat)
    return summed.reshape((*lead, total))
