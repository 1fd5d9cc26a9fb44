"""Initializers that draw from one distribution with fixed parameters, and the orthogonal one.

The seed is a Python integer (the same numbers at every call), a `SeedGenerator` (fresh numbers at
every call) or None (an integer drawn once, at construction). With equal seeds the numbers are
bit-equal to those of Keras on JAX.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax

from graphc.keras import ops
from graphc.keras import random as keras_random
from graphc.keras.initializers.initializer import Initializer
from graphc.keras.random import SeedGenerator, make_default_seed
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class RandomInitializer(Initializer):
    """Holds the seed of an initializer that draws random numbers."""

    def __init__(self, seed: int | SeedGenerator | dict[str, Any] | None = None) -> None:
        self._given_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        if not isinstance(seed, (int, SeedGenerator)):
            raise ValueError(
                "Expected `seed` to be an integer, a `keras.random.SeedGenerator` or None. "
                f"Received: seed={seed!r}"
            )
        self.seed = seed

    def get_config(self) -> dict[str, Any]:
        """Return the seed as it was given (None stays None)."""
        return {"seed": serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Draws from the normal distribution of the given mean and standard deviation."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return normal draws of the given shape."""
        return keras_random.normal(
            tuple(shape), mean=self.mean, stddev=self.stddev, dtype=dtype, seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "mean": self.mean, "stddev": self.stddev}


class TruncatedNormal(RandomNormal):
    """Like `RandomNormal`, with draws beyond two standard deviations drawn again."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return truncated normal draws of the given shape."""
        return keras_random.truncated_normal(
            tuple(shape), mean=self.mean, stddev=self.stddev, dtype=dtype, seed=self.seed
        )


class RandomUniform(RandomInitializer):
    """Draws uniformly from `[minval, maxval)`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return uniform draws of the given shape."""
        return keras_random.uniform(
            tuple(shape), minval=self.minval, maxval=self.maxval, dtype=dtype, seed=self.seed
        )

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "minval": self.minval, "maxval": self.maxval}


class Orthogonal(RandomInitializer):
    """A matrix with orthonormal rows or columns, times `gain`.

    Shapes of rank above two are treated as `(product of all but the last, last)`.

    Source: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in
    deep linear neural networks" (2014).
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain = gain
        super().__init__(seed=seed)

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return the orthogonal factor of a matrix of normal draws.

        Raises:
            ValueError: the shape has fewer than two dimensions.
        """
        if len(shape) < 2:
            raise ValueError(
                "The orthogonal initializer needs a shape of at least two dimensions. "
                f"Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        draws = keras_random.normal(
            (max(rows, columns), min(rows, columns)), dtype=dtype, seed=self.seed
        )
        make = _compiled if isinstance(draws, jax.Array) else _orthonormal
        return make(draws, self.gain, tuple(shape), flip=rows < columns)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "gain": self.gain}


def _orthonormal(draws: Any, gain: Any, shape: tuple[int, ...], *, flip: bool) -> Any:
    """Return orthonormal columns (rows, with `flip`) made of normal draws, times `gain`."""
    q, r = ops.qr(draws)
    # The signs make the distribution uniform over orthogonal matrices.
    q = q * ops.sign(ops.diag(r))
    return gain * ops.reshape(ops.transpose(q) if flip else q, shape)


# One program a shape, not one for each of its operations.
_compiled = jax.jit(_orthonormal, static_argnames=("shape", "flip"))
