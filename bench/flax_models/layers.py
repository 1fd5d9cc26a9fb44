"""Layers of NNX with Keras's settings and first weights."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
from flax import nnx

Network = Callable[[jax.Array], jax.Array]

GLOROT = nnx.initializers.glorot_uniform()
linear = partial(nnx.Linear, kernel_init=GLOROT)
convolution = partial(nnx.Conv, kernel_init=GLOROT)
transposed = partial(nnx.ConvTranspose, kernel_init=GLOROT)
normalised = partial(nnx.BatchNorm, momentum=0.99, epsilon=1e-3)


def table(rows: int, width: int, rngs: nnx.Rngs) -> nnx.Embed:
    """An embedding whose vectors start as Keras's do, uniform from -0.05 to 0.05."""

    def draw(key: jax.Array, shape: tuple[int, ...], dtype: jax.typing.DTypeLike) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -0.05, 0.05)

    return nnx.Embed(rows, width, embedding_init=draw, rngs=rngs)
