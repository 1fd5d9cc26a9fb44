"""Layers that add noise while training: the dropouts and Gaussian noise; and an activity penalty.

Rates may change without a recompile, but for the change between zero and another rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

from graphc.keras import ops, regularizers
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.runtime_scalar import runtime_scalar
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import spatial_axes
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.random import SeedGenerator, uniform

SELU_FLOOR = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


class _Noise(BuiltinLayer):
    """Holds one rate between 0 and 1 and, where it is not 0, the seed generator."""

    def __init__(self, name_of_rate: str, rate: float, seed: int | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not isinstance(rate, Real) or not 0 <= rate <= 1:
            raise ValueError(
                f"Expected `{name_of_rate}` to be a number between 0 and 1. "
                f"Received: {name_of_rate}={rate!r}"
            )
        self.configure(**{name_of_rate: float(rate)}, seed=seed)
        if rate > 0:
            self.seed_generator = SeedGenerator(seed)
        self.supports_masking = True


class Dropout(_Noise):
    """Zeroes a random fraction `rate` of the inputs and scales the rest by `1 / (1 - rate)`.

    Args:
        rate: the fraction to drop, from 0 to 1.
        noise_shape: the shape of the binary mask, broadcast to the inputs; None in it stands for
            the inputs' own size.
        seed: an integer, or None for a random one.

    Raises:
        ValueError: the rate is not in [0, 1], or the noise shape is not a tuple of positive
            integers and Nones.

    Source: Srivastava et al. (2014).
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.configure(noise_shape=_checked_noise_shape(noise_shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, with dropout if training."""
        if not training or self.rate == 0:
            return inputs
        return apply(
            "nn.dropout",
            inputs,
            self.seed_generator.next(),
            runtime_scalar(self, "rate"),
            noise_shape=self._noise_shape(inputs),
        )

    def _noise_shape(self, inputs: Any) -> tuple[int | None, ...] | None:
        del inputs
        return self.noise_shape


class _SpatialDropout(Dropout):
    """Drops whole feature maps: the mask is one along the spatial axes."""

    rank: int

    def __init__(
        self, rate: float, seed: int | None = None, name: str | None = None, dtype: Any = None
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _noise_shape(self, inputs: Any) -> tuple[int | None, ...]:
        spatial = spatial_axes(self.rank, self.data_format)
        return tuple(1 if axis in spatial else None for axis in range(len(inputs.shape)))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, which are fewer than those of other layers."""
        config = super().get_config()
        return {
            name: config[name]
            for name in ("rate", "seed", "name", "dtype", "data_format")
            if name in config
        }


class SpatialDropout1D(_SpatialDropout):
    """Drops whole channels of sequences `[B, T, C]`. Source: Tompson et al. (2014)."""

    rank = 1


class SpatialDropout2D(_SpatialDropout):
    """Drops whole channels of images `[B, H, W, C]`. Source: Tompson et al. (2014)."""

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.configure(data_format=standardize_data_format(data_format))


class SpatialDropout3D(SpatialDropout2D):
    """Drops whole channels of volumes `[B, D, H, W, C]`. Source: Tompson et al. (2014)."""

    rank = 3


class GaussianDropout(_Noise):
    """Multiplies by normal noise of mean 1 and standard deviation `sqrt(rate / (1 - rate))`.

    Source: Srivastava et al. (2014), section 10.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("rate", rate, seed, **kwargs)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, with noise if training."""
        if not training or self.rate == 0:
            return inputs
        rate = runtime_scalar(self, "rate")
        return inputs * _normal(self, inputs, 1.0, ops.sqrt(rate / (1.0 - rate)))


class GaussianNoise(_Noise):
    """Adds normal noise of mean 0 and the given standard deviation, from 0 to 1."""

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__("stddev", stddev, seed, **kwargs)

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, with noise if training."""
        if not training or self.stddev == 0:
            return inputs
        return inputs + _normal(self, inputs, 0.0, runtime_scalar(self, "stddev"))


class AlphaDropout(_Noise):
    """Sets a random fraction `rate` to SELU's lower bound, keeping mean 0 and variance 1.

    Args:
        rate: the fraction to drop, from 0 to 1.
        noise_shape: the shape of the binary mask, broadcast to the inputs; None in it stands for
            the inputs' own size.
        seed: an integer, or None for a random one.

    Raises:
        ValueError: the rate is not in [0, 1], or the noise shape is not a tuple of positive
            integers and Nones.

    Source: Klambauer et al. (2017).
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__("rate", rate, seed, **kwargs)
        self.configure(noise_shape=_checked_noise_shape(noise_shape))

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Return the inputs, with dropout if training."""
        if not training or self.rate == 0:
            return inputs
        rate = runtime_scalar(self, "rate")
        sizes = inputs.shape if self.noise_shape is None else self.noise_shape
        shape = tuple(
            own if size is None else size for own, size in zip(inputs.shape, sizes, strict=True)
        )
        drawn = uniform(shape, seed=self.seed_generator)
        kept = ops.cast(ops.greater_equal(drawn, rate), inputs.dtype)
        scale = ((1 - rate) * (1 + rate * SELU_FLOOR**2)) ** -0.5
        shift = -scale * SELU_FLOOR * rate
        if not isinstance(scale, float):  # a symbol, wider than inputs of 16 bits
            scale, shift = ops.cast(scale, inputs.dtype), ops.cast(shift, inputs.dtype)
        return scale * (inputs * kept + SELU_FLOOR * (1 - kept)) + shift


class ActivityRegularization(BuiltinLayer):
    """Passes its inputs on and adds `l1 * sum(|x|) + l2 * sum(x ** 2)`, per sample, to the loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.configure(l1=l1, l2=l2)
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return the inputs."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the regularizer is made of them."""
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return config


def _normal(layer: _Noise, inputs: Any, mean: Any, stddev: Any) -> Any:
    return apply(
        "random.normal",
        layer.seed_generator.next(),
        mean,
        stddev,
        shape=tuple(inputs.shape),
        dtype=layer.compute_dtype,
    )


def _checked_noise_shape(noise_shape: Any) -> tuple[int | None, ...] | None:
    if noise_shape is None:
        return None
    found = () if isinstance(noise_shape, (str, int)) else tuple(noise_shape)
    if found and all(size is None or (isinstance(size, int) and size > 0) for size in found):
        return found
    raise ValueError(
        "Expected `noise_shape` to be a tuple of positive integers and Nones. "
        f"Received: noise_shape={noise_shape!r}"
    )
