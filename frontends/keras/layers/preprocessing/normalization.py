"""The layer that shifts and scales features to mean 0 and variance 1."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.layers.builtin import BuiltinLayer


class Normalization(BuiltinLayer):
    """Computes `(inputs - mean) / sqrt(variance)`, or the inverse of it.

    Args:
        axis: the axes whose every index has a mean and a variance of its own; None for one of all.
        mean, variance: numbers or arrays that broadcast to the sizes of these axes, in place of
            `adapt`.
        invert: multiply by the deviation and add the mean instead.

    Raises:
        ValueError: only one of `mean` and `variance`, or their shapes do not fit.
    """

    def __init__(
        self,
        axis: Any = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean, self.input_variance = mean, variance
        self.invert = invert
        self.supports_masking = True
        self._kept: tuple[int, ...] = ()
        self._constants: tuple[np.ndarray, np.ndarray] | None = None
        self._check_given()

    def _check_given(self) -> None:
        mean, variance = self.input_mean, self.input_variance
        if (mean is None) != (variance is None):
            raise ValueError(
                "Expected both `mean` and `variance`, or neither. "
                f"Received: mean={mean} and variance={variance}"
            )
        if mean is None:
            return
        shape = np.shape(mean)
        if shape != np.shape(variance) or len(shape) > len(self.axis):
            raise ValueError(
                "Expected `mean` and `variance` to have the same shape, of a rank no higher than "
                f"the number of axes ({len(self.axis)}). Received: shapes {shape} and "
                f"{np.shape(variance)}, axis={self.axis}"
            )

    def build(self, input_shape: Sequence[int | None]) -> None:
        """Create the variables `mean`, `variance` and `count`, unless the numbers were given."""
        ndim = len(input_shape)
        if any(not -ndim <= axis < ndim for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received: inputs with ndim={ndim}, axis={self.axis}"
            )
        self._kept = tuple(sorted(axis % ndim for axis in self.axis))
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                "All `axis` values to be kept must have a known shape. "
                f"Received: axis={self.axis}, inputs.shape={tuple(input_shape)}"
            )
        self._shape = tuple(input_shape[axis] for axis in self._kept)
        self._broadcast = tuple(
            size if axis in self._kept else 1 for axis, size in enumerate(input_shape)
        )
        if self.input_mean is not None:
            self._constants = (self._spread(self.input_mean), self._spread(self.input_variance))
            return
        self.adapt_mean = self._statistic("mean", self._shape, "zeros")
        self.adapt_variance = self._statistic("variance", self._shape, "ones")
        self.count = self._statistic("count", (), "zeros", dtype="int32")

    def _statistic(self, name: str, shape: Any, initializer: str, dtype: str | None = None) -> Any:
        return self.add_weight(
            name=name, shape=shape, initializer=initializer, dtype=dtype, trainable=False
        )

    def _spread(self, given: Any) -> np.ndarray:
        """Given numbers, their axes put at the last of the kept ones, as wide as these are."""
        array = np.asarray(given, "float32")
        sizes = [1] * len(self._broadcast)
        for axis, size in zip(reversed(self._kept), reversed(array.shape), strict=False):
            sizes[axis] = size
        return np.broadcast_to(array.reshape(sizes), self._broadcast)

    def adapt(self, data: Any) -> None:
        """Set mean and variance to those of the data.

        Args:
            data: an array, or an iterable of batches (of arrays, or of tuples whose first element
                is the array).

        Raises:
            ValueError: no batch, or a shape that does not fit the layer's.
            TypeError: neither an array nor an iterable of arrays.
        """
        if self.input_mean is not None:
            raise ValueError(
                "Cannot adapt a Normalization layer that was made with `mean` and `variance`. "
                f"Received: mean={self.input_mean}"
            )
        if hasattr(data, "to_numpy"):
            data = data.to_numpy()
        if isinstance(data, (np.ndarray, jax.Array)):
            self._fit_shape(data.shape)
            array, axes = np.asarray(data), self._reduced(data.ndim)
            mean, variance = np.mean(array, axis=axes), np.var(array, axis=axes)
        else:
            mean, variance = self._pooled(_batches(data))
        self.adapt_mean.assign(np.asarray(mean, "float32"))
        self.adapt_variance.assign(np.asarray(variance, "float32"))

    def _fit_shape(self, shape: tuple[int, ...]) -> None:
        if not self.built:
            self.build(tuple(shape))
        known = [self._broadcast[axis] for axis in self._kept]
        fits = len(shape) == len(self._broadcast) and [shape[axis] for axis in self._kept] == known
        if not fits:
            raise ValueError(
                f"The layer was built with input_shape={self._build_shapes}, which the data of "
                f"`adapt` does not fit. Received: data of shape {tuple(shape)}"
            )

    def _reduced(self, ndim: int) -> tuple[int, ...]:
        return tuple(axis for axis in range(ndim) if axis not in self._kept)

    def _pooled(self, batches: Iterable[np.ndarray]) -> tuple[Any, Any]:
        """The mean and the variance of all batches: each adds its own and that of its mean."""
        mean = variance = np.float64(0.0)
        total = 0
        for batch in batches:
            self._fit_shape(batch.shape)
            axes = self._reduced(batch.ndim)
            count = math.prod(batch.shape[axis] for axis in axes)
            values = batch.astype("float64")
            total += count
            share = count / total
            gap = np.mean(values, axis=axes) - mean
            variance = variance * (1 - share) + np.var(values, axis=axes) * share
            variance = variance + gap**2 * share * (1 - share)
            mean = mean + gap * share
        return mean, variance

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts to the inputs; None before the layer is built."""
        return self._moment(0)

    @property
    def variance(self) -> Any:
        """The variance, in a shape that broadcasts to the inputs; None before it is built."""
        return self._moment(1)

    def _moment(self, index: int) -> Any:
        if not self.built:
            return None
        if self._constants is not None:
            return ops.convert_to_tensor(self._constants[index], dtype=self.compute_dtype)
        variable = (self.adapt_mean, self.adapt_variance)[index]
        return ops.cast(ops.reshape(variable, self._broadcast), self.compute_dtype)

    def call(self, inputs: Any) -> Any:
        """Return the inputs, normalized or brought back."""
        inputs = ops.convert_to_tensor(inputs, dtype=self.compute_dtype)
        deviation = ops.maximum(ops.sqrt(self.variance), epsilon())
        if self.invert:
            return self.mean + inputs * deviation
        return (inputs - self.mean) / deviation

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; what `adapt` learnt is in the variables."""
        own = {"axis": self.axis, "invert": self.invert}
        given = {"mean": self.input_mean, "variance": self.input_variance}
        listed = {name: np.array(value).tolist() for name, value in given.items()}
        return {**super().get_config(), **own, **listed}


def _batches(data: Any) -> Iterable[np.ndarray]:
    if not hasattr(data, "__iter__") or isinstance(data, (str, bytes, dict)):
        raise TypeError(
            "Expected `adapt` to get an array or an iterable of batches. "
            f"Received: data of type {type(data).__name__}"
        )
    iterator = iter(data)
    first = next(iterator, None)
    if first is None:
        raise ValueError("Expected at least one batch in `adapt`. Received: an empty iterable")
    for batch in itertools.chain([first], iterator):
        part = batch[0] if isinstance(batch, tuple) else batch
        if not hasattr(part, "shape"):
            raise TypeError(
                "Expected the batches of `adapt` to be arrays. "
                f"Received: a batch of type {type(part).__name__}"
            )
        yield np.asarray(part)
