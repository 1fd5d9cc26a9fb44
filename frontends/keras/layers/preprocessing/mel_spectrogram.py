"""The layer that turns raw audio into spectrograms on the mel scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.layers.builtin import BuiltinLayer

BREAK_HERTZ = 700.0
HIGH_FREQUENCY_Q = 1127.0


class MelSpectrogram(BuiltinLayer):
    """Turns audio [B, T] or [T] into [B, num_mel_bins, frames] or [num_mel_bins, frames].

    Args:
        fft_length: the size of each Fourier transform.
        sequence_stride: how far apart windows are.
        sequence_length: the length of a window; `fft_length` otherwise.
        window: "hann", "hamming", an array [sequence_length], or None.
        sampling_rate: samples a second.
        num_mel_bins: the number of bands.
        min_freq, max_freq: the edges of all bands in hertz; the upper one is half of the sampling
            rate otherwise.
        power_to_db: whether to give decibels.
        top_db: the lowest decibels, below the highest of the call.
        mag_exp: the power of magnitudes: 1 for energy, 2 for power.
        min_power: the least power, which decibels need.
        ref_power: the power of 0 decibels.

    Raises:
        ValueError: windows longer than the transform.

    Source: Young et al., The HTK Book, for the mel scale.
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        if fft_length < (sequence_length or fft_length):
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. "
                f"Received: sequence_length={sequence_length}, fft_length={fft_length}."
            )
        super().__init__(**kwargs)
        self.configure(
            fft_length=fft_length,
            sequence_stride=sequence_stride,
            sequence_length=sequence_length or fft_length,
            window=window,
            sampling_rate=sampling_rate,
            num_mel_bins=num_mel_bins,
            min_freq=min_freq,
            max_freq=max_freq or int(sampling_rate / 2),
            power_to_db=power_to_db,
            top_db=top_db,
            mag_exp=mag_exp,
            min_power=min_power,
            ref_power=ref_power,
        )

    def call(self, inputs: Any) -> Any:
        """Return the spectrograms, in the compute dtype."""
        real, imag = ops.stft(
            ops.convert_to_tensor(inputs, dtype="float32"),  # which the transform needs
            sequence_length=self.sequence_length,
            sequence_stride=self.sequence_stride,
            fft_length=self.fft_length,
            window=self.window,
        )
        magnitude = ops.sqrt(ops.square(real) + ops.square(imag))  # [..., frames, bins]
        matrix = self.linear_to_mel_weight_matrix(
            self.num_mel_bins, magnitude.shape[-1], self.sampling_rate, self.min_freq, self.max_freq
        )
        found = ops.tensordot(ops.power(magnitude, self.mag_exp), matrix, axes=1)
        found = self._decibels(found) if self.power_to_db else found
        return ops.cast(ops.swapaxes(found, -1, -2), self.compute_dtype)

    def _decibels(self, power: Any) -> Any:
        reference = np.float32(max(abs(self.ref_power), self.min_power))
        found = 10.0 * ops.log10(ops.maximum(power, self.min_power))
        found = found - float(10.0 * np.log10(reference))
        return ops.maximum(found, ops.max(found) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: str = "float32",
    ) -> Any:
        """Return the triangular filters [num_spectrogram_bins, num_mel_bins], each with peak 1."""
        hertz = np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)[1:, None]  # no constant
        low, high = _mel(lower_edge_hertz), _mel(upper_edge_hertz)
        edges = np.linspace(low, high, num_mel_bins + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        rising = (_mel(hertz) - lower) / (center - lower)
        falling = (upper - _mel(hertz)) / (upper - center)
        weights = np.maximum(0.0, np.minimum(rising, falling))
        return ops.convert_to_tensor(np.pad(weights, ((1, 0), (0, 0))), dtype=dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """Return the shape of the spectrograms, as Keras announces it."""
        time, stride = input_shape[-1], self.sequence_stride
        frames = None if time is None else (time + stride + 1) // stride
        return (*input_shape[:-1], self.num_mel_bins, frames)


def _mel(hertz: Any) -> Any:
    return HIGH_FREQUENCY_Q * np.log(1.0 + hertz / BREAK_HERTZ)
