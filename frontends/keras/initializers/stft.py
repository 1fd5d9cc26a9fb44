"""The initializer whose convolution computes a short-time Fourier transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import floatx
from graphc.keras.initializers.initializer import Initializer
from graphc.keras.ops.spectral import get_window
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object

SIDES = ("real", "imag")
SCALINGS = (None, "density", "spectrum")


def check_window(window: Any, scaling: Any) -> None:
    """Check the name of a window, if it is one, and that of its scaling.

    Raises:
        ValueError: an unknown one.
    """
    if isinstance(window, str):
        get_window(window, 1)
    if scaling not in SCALINGS:
        raise ValueError(
            "Scaling is invalid, it must be `None`, 'density' or 'spectrum'. "
            f"Received: scaling={scaling!r}"
        )


class STFT(Initializer):
    """The cosines or sines of a Fourier transform under a window, as a kernel of a convolution.

    Args:
        side: "real" or "imag".
        window: the name of one of SciPy's windows, an array of the kernel's length, or None.
        scaling: divide by the window's L2 norm ("density"), its L1 norm ("spectrum"), or nothing.
        periodic: whether a named window is periodic rather than symmetric.

    Raises:
        ValueError: an unknown side, window or scaling.
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in SIDES:
            raise ValueError(f"side should be 'real' or 'imag'. Received: side={side!r}")
        check_window(window, scaling)
        self.side, self.window = side, window
        self.scaling, self.periodic = scaling, periodic

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return the kernel [frame_length, 1, fft_length / 2 + 1].

        Raises:
            ValueError: the window is not as long as the kernel.
        """
        dtype = dtype or floatx()
        length, _, bins = shape
        frequencies = ops.reshape(ops.arange(bins, dtype=dtype), (1, 1, bins)) / ((bins - 1) * 2)
        times = ops.reshape(ops.arange(length, dtype=dtype), (length, 1, 1))
        angles = -2 * times * frequencies * ops.arccos(ops.cast(-1, dtype))  # pi, in this dtype
        kernel = ops.cast(ops.cos(angles) if self.side == "real" else ops.sin(angles), dtype)
        if self.window is None:
            return kernel
        window = ops.reshape(self._values(length, dtype), (length, 1, 1))
        return kernel * window / self._scale(window)

    def _values(self, length: int, dtype: str) -> Any:
        given = self.window
        if isinstance(given, str):
            given = get_window(given, length, self.periodic)
        window = ops.convert_to_tensor(given, dtype=dtype)
        if tuple(window.shape) != (length,):
            raise ValueError(
                f"The shape of `window` must be equal to [frame_length], ({length},). "
                f"Received: window shape={tuple(window.shape)}"
            )
        return window

    def _scale(self, window: Any) -> Any:
        if self.scaling == "density":
            return ops.sqrt(ops.sum(ops.square(window)))
        return ops.sum(ops.abs(window)) if self.scaling == "spectrum" else 1

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        window = self.window
        if isinstance(window, np.ndarray):
            window = serialize_keras_object(window)
        return {
            "side": self.side, "window": window, "periodic": self.periodic, "scaling": self.scaling,
        }  # fmt: skip

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> STFT:
        """Build from `get_config()`."""
        config = dict(config)
        if isinstance(config.get("window"), dict):
            config["window"] = deserialize_keras_object(config["window"])
        return cls(**config)
