"""The layer that computes spectrograms by convolving with the kernels of a Fourier transform."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from graphc.keras import initializers, ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import epsilon, standardize_data_format
from graphc.keras.initializers.stft import check_window
from graphc.keras.layers.builtin import BuiltinLayer

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")
FLOATS = ("float16", "float32", "float64")


class STFTSpectrogram(BuiltinLayer):
    """Turns signals [B, T, C] into spectrograms [B, frames, C * bins], bins = fft_length / 2 + 1.

    The kernels of the transform are weights, which may be trained.

    Args:
        mode: "log" of the magnitude, "magnitude", "psd" (power spectral density), "real", "imag",
            "angle", or "stft" (real and imaginary parts side by side).
        frame_length: the length of a window.
        frame_step: how far apart windows are; half a window otherwise.
        fft_length: the size of the transform; the next power of two otherwise.
        window: the name of one of SciPy's windows, an array [frame_length], or None.
        periodic: whether a named window is periodic rather than symmetric.
        scaling: divide by the window's L2 norm ("density"), its L1 norm ("spectrum"), or None.
        padding: "valid" or "same".
        expand_dims: keep the channels and the bins apart: [B, frames, bins, C].
        data_format: "channels_last", or "channels_first": [B, C, T] to [B, C * bins, frames].

    Raises:
        ValueError: an unknown mode, window, scaling or padding, or lengths that do not fit.
        TypeError: called on inputs that are not floats.
    """

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check_lengths(frame_length, frame_step, fft_length)
        if mode not in MODES:
            raise ValueError(
                f"Output mode is invalid, it must be one of {', '.join(MODES)}. "
                f"Received: mode={mode!r}"
            )
        check_window(window, scaling)
        if padding not in ("valid", "same"):
            raise ValueError(
                f"Padding is invalid, it should be 'valid', 'same'. Received: padding={padding!r}"
            )
        super().__init__(**kwargs)
        self.configure(
            mode=mode,
            frame_length=frame_length,
            frame_step=frame_step,
            fft_length=fft_length,
            window=window,
            periodic=periodic,
            scaling=scaling,
            padding=padding,
            data_format=standardize_data_format(data_format),
            expand_dims=expand_dims,
        )
        self._frame_step = frame_step or frame_length // 2
        self._fft_length = fft_length or 2 ** math.ceil(math.log2(frame_length))
        self.input_spec = InputSpec(ndim=3)

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the kernels that the mode needs, each [frame_length, 1, bins]."""
        del input_shape
        shape = (self.frame_length, 1, self._fft_length // 2 + 1)
        for side, needless in (("real", "imag"), ("imag", "real")):
            if self.mode != needless:
                start = initializers.STFT(side, self.window, self.scaling, self.periodic)
                kernel = self.add_weight(name=f"{side}_kernel", shape=shape, initializer=start)
                setattr(self, f"{side}_kernel", kernel)

    @property
    def _last(self) -> bool:
        return self.data_format == "channels_last"

    def call(self, inputs: Any) -> Any:
        """Return the spectrograms in the layer's mode."""
        dtype = ops.dtype(inputs)
        if dtype not in FLOATS:
            raise TypeError(
                "Invalid input type. Expected `float16`, `float32` or `float64`. "
                f"Received: input type={dtype}"
            )
        real = None if self.mode == "imag" else self._convolved(inputs, self.real_kernel)
        imag = None if self.mode == "real" else self._convolved(inputs, self.imag_kernel)
        if self.mode in ("real", "imag"):
            return self._arranged(imag if real is None else real)
        if self.mode == "angle":
            return self._arranged(ops.arctan2(imag, real))
        if self.mode == "stft":
            return self._arranged(ops.concatenate([real, imag], axis=2))
        power = ops.square(real) + ops.square(imag)  # [B, C, bins, frames]
        if self.mode == "psd":  # the negative frequencies, which mirror all but the outermost
            inner = ops.pad(power[:, :, 1:-1, :], ((0, 0), (0, 0), (1, 1), (0, 0)))
            return self._arranged(power + inner)
        magnitude = self._arranged(ops.sqrt(ops.maximum(power, epsilon())))
        if self.mode == "magnitude":
            return magnitude
        return ops.log(ops.maximum(magnitude, epsilon()))

    def _convolved(self, inputs: Any, kernel: Any) -> Any:
        """The signals of all channels convolved alike: [B, C, bins, frames]."""
        signals = ops.transpose(inputs, (0, 2, 1)) if self._last else inputs  # [B, C, T]
        _, channels, time = signals.shape
        single = (-1, time, 1) if self._last else (-1, 1, time)
        found = ops.conv(
            ops.reshape(signals, single),
            ops.cast(kernel, ops.dtype(inputs)),
            padding=self.padding,
            strides=self._frame_step,
            data_format=self.data_format,
        )
        found = ops.transpose(found, (0, 2, 1)) if self._last else found  # [B * C, bins, frames]
        return ops.reshape(found, (-1, channels, *found.shape[1:]))

    def _arranged(self, found: Any) -> Any:
        """[B, C, bins, frames] in the layout of the outputs."""
        _, channels, bins, frames = found.shape
        if self.expand_dims:
            return ops.transpose(found, (0, 3, 2, 1) if self._last else (0, 1, 3, 2))
        flat = ops.reshape(found, (-1, channels * bins, frames))
        return ops.transpose(flat, (0, 2, 1)) if self._last else flat


def _check_lengths(frame_length: int, frame_step: int | None, fft_length: int | None) -> None:
    if frame_step is not None and not 1 <= frame_step <= frame_length:
        raise ValueError(
            "`frame_step` should be a positive integer not greater than `frame_length`. "
            f"Received: frame_step={frame_step}, frame_length={frame_length}"
        )
    if fft_length is None:
        return
    if fft_length < frame_length:
        raise ValueError(
            "`fft_length` should be not less than `frame_length`. "
            f"Received: fft_length={fft_length}, frame_length={frame_length}"
        )
    if fft_length & (fft_length - 1):
        warnings.warn(
            f"`fft_length` is recommended to be a power of two. Received: fft_length={fft_length}",
            stacklevel=3,
        )
