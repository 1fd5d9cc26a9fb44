"""Models of Dense layers in Flax NNX."""

from __future__ import annotations

import jax
from flax import nnx

from flax_models.layers import Network, linear, normalised, table


def mlp(rngs: nnx.Rngs) -> nnx.Module:
    """784-128-10."""
    return nnx.Sequential(
        flattened, linear(784, 128, rngs=rngs), nnx.relu, linear(128, 10, rngs=rngs)
    )


def flattened(x: jax.Array) -> jax.Array:
    """A vector for each of the batch: [B, ...] -> [B, N]."""
    return x.reshape(len(x), -1)


def functional(rngs: nnx.Rngs) -> nnx.Module:
    """20-64-64-1."""
    return nnx.Sequential(
        linear(20, 64, rngs=rngs), nnx.relu,
        linear(64, 64, rngs=rngs), nnx.relu,
        linear(64, 1, rngs=rngs),
    )  # fmt: skip


class Reviews(nnx.Module):
    """Embedding, mean over the words, 16, 1: words [B, T] to a logit [B, 1]."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.table = table(10000, 16, rngs)
        self.inner, self.outer = linear(16, 16, rngs=rngs), linear(16, 1, rngs=rngs)

    def __call__(self, words: jax.Array) -> jax.Array:
        return self.outer(nnx.relu(self.inner(self.table(words).mean(axis=1))))


def tabular(rngs: nnx.Rngs) -> nnx.Module:
    """Three times 256 with normalised batches and dropout, and ten classes."""
    layers: list[Network] = []
    for width in (32, 256, 256):
        layers += [
            linear(width, 256, rngs=rngs), normalised(256, rngs=rngs), nnx.relu,
            nnx.Dropout(0.2, rngs=rngs),
        ]  # fmt: skip
    return nnx.Sequential(*layers, linear(256, 10, rngs=rngs))


MODELS = {
    "tutorial_1": mlp, "tutorial_2": functional, "tutorial_4": Reviews, "tabular": tabular,
}  # fmt: skip
