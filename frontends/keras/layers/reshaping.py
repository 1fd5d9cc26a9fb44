"""Layers that rearrange their inputs: `Flatten`, `Reshape`, `Permute`, `RepeatVector`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.builtin import BuiltinLayer


class Flatten(BuiltinLayer):
    """`[B, ...]` to `[B, product]`; with "channels_first", channels move last before."""

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(data_format=standardize_data_format(data_format))
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        """Return the flattened inputs."""
        rank = len(inputs.shape)
        if self.data_format == "channels_first" and rank > 1:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))


class Reshape(BuiltinLayer):
    """`[B, ...]` to `[B, *target_shape]`; one -1 in the target takes what is left.

    Raises:
        ValueError: the target has a size below -1 or several -1; at a call, the sizes differ.
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        target_shape = tuple(target_shape)
        if target_shape.count(-1) > 1 or any(size < -1 for size in target_shape):
            raise ValueError(
                "Expected `target_shape` to hold non-negative integers and at most one -1. "
                f"Received: target_shape={target_shape}"
            )
        self.configure(target_shape=target_shape)

    def call(self, inputs: Any) -> Any:
        """Return the inputs in the target shape."""
        sizes = self._sizes(tuple(inputs.shape))
        return ops.reshape(inputs, (inputs.shape[0], *sizes))

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """Return the output's shape; what -1 stands for is unknown if an input size is."""
        return KerasTensor((inputs.shape[0], *self._sizes(inputs.shape)), inputs.dtype)

    def _sizes(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        known = math.prod(size for size in self.target_shape if size != -1)
        sizes = [size for size in shape[1:] if size is not None]
        if len(sizes) < len(shape) - 1:
            return tuple(None if size == -1 else size for size in self.target_shape)
        total = math.prod(sizes)
        fits = known and total % known == 0 if -1 in self.target_shape else total == known
        if not fits:
            raise ValueError(
                f"Layer '{self.name}' must keep the number of elements of each sample. Received: "
                f"input_shape={shape}, target_shape={self.target_shape}"
            )
        return tuple(total // known if size == -1 else size for size in self.target_shape)


class Permute(BuiltinLayer):
    """Permutes the axes after the batch; `dims` counts them from 1.

    Raises:
        ValueError: `dims` is not a permutation of 1..n.
    """

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        dims = tuple(dims)
        if sorted(dims) != list(range(1, len(dims) + 1)):
            raise ValueError(
                "Expected `dims` to be a permutation of the integers from 1 to the number of axes. "
                f"Received: dims={dims}"
            )
        self.configure(dims=dims)
        self.input_spec = InputSpec(ndim=len(dims) + 1)

    def call(self, inputs: Any) -> Any:
        """Return the inputs with their axes permuted."""
        return ops.transpose(inputs, (0, *self.dims))


class RepeatVector(BuiltinLayer):
    """`[B, D]` to `[B, n, D]`.

    Raises:
        ValueError: `n` is not a positive integer.
    """

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.configure(n=positive_integer(n, "n"))
        self.input_spec = InputSpec(ndim=2)

    def call(self, inputs: Any) -> Any:
        """Return the inputs repeated along a new axis 1."""
        return ops.repeat(ops.expand_dims(inputs, 1), self.n, axis=1)
