"""Models of words and series in Flax NNX."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from flax import nnx

from flax_models.layers import GLOROT, linear, table


def lstm(before: int, width: int, rngs: nnx.Rngs) -> nnx.OptimizedLSTMCell:
    """An LSTM cell whose forget biases start at one."""
    cell = nnx.OptimizedLSTMCell(before, width, kernel_init=GLOROT, rngs=rngs)
    assert cell.dense_h.bias is not None
    cell.dense_h.bias[...] = cell.dense_h.bias[...].at[width : 2 * width].set(1.0)
    return cell


class BiLSTM(nnx.Module):
    """Two bidirectional LSTMs: words [B, T] to a logit [B, 1]."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.table = table(20000, 64, rngs)
        self.first = nnx.Bidirectional(
            nnx.RNN(lstm(64, 64, rngs), rngs=rngs), nnx.RNN(lstm(64, 64, rngs), rngs=rngs),
            rngs=rngs,
        )  # fmt: skip
        self.forward, self.backward = (
            nnx.RNN(lstm(128, 64, rngs), return_carry=True, reverse=reverse, rngs=rngs)
            for reverse in (False, True)
        )
        self.outer = linear(128, 1, rngs=rngs)

    def __call__(self, words: jax.Array) -> jax.Array:
        x = self.first(self.table(words))  # [B, T, 128]
        (_, last), _ = self.forward(x)
        (_, first), _ = self.backward(x)
        return self.outer(jnp.concatenate((last, first), axis=1))


class Forecaster(nnx.Module):
    """A GRU: windows [B, T, 8] to a number [B, 1]."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        cell = nnx.GRUCell(8, 64, kernel_init=GLOROT, rngs=rngs)
        # Keras's and PyTorch's GRU add a bias to the recurrent product, too.
        cell.dense_h = nnx.Linear(64, 192, kernel_init=nnx.initializers.orthogonal(), rngs=rngs)
        self.gru = nnx.RNN(cell, return_carry=True, rngs=rngs)
        self.outer = linear(64, 1, rngs=rngs)

    def __call__(self, windows: jax.Array) -> jax.Array:
        last, _ = self.gru(windows)
        return self.outer(last)


class TokenAndPosition(nnx.Module):
    """Vectors of the words plus learned vectors of their places: [B, T] -> [B, T, W]."""

    def __init__(self, vocabulary: int, length: int, width: int, rngs: nnx.Rngs) -> None:
        self.words, self.places = table(vocabulary, width, rngs), table(length, width, rngs)

    def __call__(self, words: jax.Array) -> jax.Array:
        return self.words(words) + self.places(jnp.arange(words.shape[1]))


attention = partial(nnx.MultiHeadAttention, kernel_init=GLOROT, decode=False)


class Transformer(nnx.Module):
    """One post-norm block: words [B, T] to two logits [B, 2]."""

    def __init__(self, rngs: nnx.Rngs, width: int = 32) -> None:
        self.embedded = TokenAndPosition(20000, 200, width, rngs)
        self.attention = attention(2, width, 2 * width, width, rngs=rngs)
        self.inner = nnx.Sequential(
            linear(width, width, rngs=rngs), nnx.relu, linear(width, width, rngs=rngs)
        )
        self.first, self.second = (nnx.LayerNorm(width, epsilon=1e-6, rngs=rngs) for _ in range(2))
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.outer = nnx.Sequential(
            nnx.Dropout(0.1, rngs=rngs), linear(width, 20, rngs=rngs), nnx.relu,
            nnx.Dropout(0.1, rngs=rngs), linear(20, 2, rngs=rngs),
        )  # fmt: skip

    def __call__(self, words: jax.Array) -> jax.Array:
        x = self.embedded(words)
        x = self.first(x + self.dropout(self.attention(x)))
        x = self.second(x + self.dropout(self.inner(x)))
        return self.outer(x.mean(axis=1))


class GPTBlock(nnx.Module):
    """A pre-norm block with causal attention: [B, T, W] -> [B, T, W]."""

    def __init__(self, width: int, heads: int, rngs: nnx.Rngs) -> None:
        self.first, self.second = (nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs) for _ in range(2))
        self.attention = attention(heads, width, rngs=rngs)
        self.inner = nnx.Sequential(
            linear(width, 4 * width, rngs=rngs), partial(nnx.gelu, approximate=False),
            linear(4 * width, width, rngs=rngs),
        )  # fmt: skip

    def __call__(self, x: jax.Array) -> jax.Array:
        mask = nnx.make_causal_mask(x[..., 0])
        x = x + self.attention(self.first(x), mask=mask)
        return x + self.inner(self.second(x))


def gpt(rngs: nnx.Rngs) -> nnx.Module:
    """Twelve blocks of width 128: words [B, T] to logits of the next ones [B, T, 1000]."""
    vocabulary, width = 1000, 128
    blocks = [GPTBlock(width, 4, rngs) for _ in range(12)]
    return nnx.Sequential(
        TokenAndPosition(vocabulary, 64, width, rngs), *blocks,
        nnx.LayerNorm(width, epsilon=1e-5, rngs=rngs), linear(width, vocabulary, rngs=rngs),
    )  # fmt: skip


MODELS = {"bilstm": BiLSTM, "gru": Forecaster, "transformer": Transformer, "gpt": gpt}
