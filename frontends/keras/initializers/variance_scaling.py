"""`VarianceScaling` and its six named settings: the draws' variance follows the weight's fans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from graphc.keras import random as keras_random
from graphc.keras.initializers.random_initializers import RandomInitializer

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")
# The standard deviation of a standard normal truncated to [-2, 2].
TRUNCATED_STDDEV = 0.87962566103423978


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Return how many inputs and outputs a weight of this shape connects.

    By default the last two axes are inputs and outputs, and the leading ones a receptive field.
    """
    if input_axes is not None and output_axes is not None:
        fan_in = math.prod(shape[axis] for axis in input_axes)
        return int(fan_in), int(math.prod(shape[axis] for axis in output_axes))
    if len(shape) < 2:
        fan = int(math.prod(shape))
        return fan, fan
    field = math.prod(shape[:-2])
    return int(shape[-2] * field), int(shape[-1] * field)


class VarianceScaling(RandomInitializer):
    """Draws with variance `scale / n`, n being the fan that `mode` names.

    Args:
        scale: a positive factor.
        mode: "fan_in", "fan_out" or "fan_avg" (their mean).
        distribution: "truncated_normal", "untruncated_normal" or "uniform".
        seed: an integer, a `SeedGenerator` or None.
        input_axes: the axes counted as inputs (with `output_axes`), for unusual layouts.
        output_axes: the axes counted as outputs.

    Raises:
        ValueError: the scale is not positive, or the mode or the distribution is unknown.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if scale <= 0.0:
            raise ValueError(f"Expected `scale` to be positive. Received: scale={scale}")
        if mode not in MODES:
            raise ValueError(f"Expected `mode` to be one of {MODES}. Received: mode={mode!r}")
        if distribution not in DISTRIBUTIONS:
            raise ValueError(
                f"Expected `distribution` to be one of {DISTRIBUTIONS}. "
                f"Received: distribution={distribution!r}"
            )
        self.scale = scale
        self.mode = mode
        self.distribution = distribution
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return draws of the given shape."""
        shape = tuple(shape)
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return keras_random.uniform(
                shape, minval=-limit, maxval=limit, dtype=dtype, seed=self.seed
            )
        if self.distribution == "untruncated_normal":
            return keras_random.normal(
                shape, mean=0.0, stddev=math.sqrt(variance), dtype=dtype, seed=self.seed
            )
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return keras_random.truncated_normal(
            shape, mean=0.0, stddev=stddev, dtype=dtype, seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "scale": self.scale,
            "mode": self.mode,
            "distribution": self.distribution,
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }


class _NamedScaling(VarianceScaling):
    """A `VarianceScaling` whose scale, mode and distribution are fixed by the class."""

    setting: ClassVar[tuple[float, str, str]]

    def __init__(
        self,
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        scale, mode, distribution = self.setting
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        return {name: config[name] for name in ("seed", "input_axes", "output_axes")}


class GlorotUniform(_NamedScaling):
    """Uniform, variance `2 / (fan_in + fan_out)`. Source: Glorot, Bengio (2010)."""

    setting = (1.0, "fan_avg", "uniform")


class GlorotNormal(_NamedScaling):
    """Truncated normal, variance `2 / (fan_in + fan_out)`. Source: Glorot, Bengio (2010)."""

    setting = (1.0, "fan_avg", "truncated_normal")


class LecunNormal(_NamedScaling):
    """Truncated normal, variance `1 / fan_in`. Source: Klambauer et al. (2017)."""

    setting = (1.0, "fan_in", "truncated_normal")


class LecunUniform(_NamedScaling):
    """Uniform, variance `1 / fan_in`. Source: Klambauer et al. (2017)."""

    setting = (1.0, "fan_in", "uniform")


class HeNormal(_NamedScaling):
    """Truncated normal, variance `2 / fan_in`. Source: He et al. (2015)."""

    setting = (2.0, "fan_in", "truncated_normal")


class HeUniform(_NamedScaling):
    """Uniform, variance `2 / fan_in`. Source: He et al. (2015)."""

    setting = (2.0, "fan_in", "uniform")
