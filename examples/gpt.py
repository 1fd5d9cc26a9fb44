"""Teach a small GPT to write reviews, letter by letter, then let it write with a cache of keys.

Source: Radford et al., "Language models are unsupervised multitask learners" (2019).

Run it with `python examples/gpt.py`; `EPOCHS=1` makes it short.
"""

from __future__ import annotations

import os

import numpy as np

from graphc import keras, samples
from graphc.keras import layers, ops

EPOCHS = int(os.environ.get("EPOCHS", "5"))
ROWS = int(os.environ.get("ROWS", "1500"))
LENGTH, WIDTH, HEADS, DEPTH = 64, 64, 4, 2
LETTERS = "\n abcdefghijklmnopqrstuvwxyz',.!?-0123456789"


class CausalAttention(layers.Layer):
    """Self-attention over what came before; with a cache, over what was seen in earlier calls."""

    def __init__(self, heads, **kwargs):
        super().__init__(**kwargs)
        self.heads = heads

    def build(self, shape):
        """Create one product for queries, keys and values, and one for the result."""
        self.mix = layers.Dense(3 * shape[-1], name="mix")
        self.result = layers.Dense(shape[-1], name="result")
        self.mix.build(shape)
        self.result.build(shape)

    def split(self, x):
        """Return queries, keys and values, each [B, T, heads, width]."""
        batch, length, width = ops.shape(x)
        mixed = ops.reshape(self.mix(x), (batch, length, 3, self.heads, width // self.heads))
        return mixed[:, :, 0], mixed[:, :, 1], mixed[:, :, 2]

    def call(self, x):
        query, key, value = self.split(x)
        attended = ops.dot_product_attention(query, key, value, is_causal=True)
        return self.result(ops.reshape(attended, ops.shape(x)))

    def step(self, x, cache, position):
        """Attend from one letter [B, 1, D]; the cache is [2, B, LENGTH, heads, width]."""
        query, key, value = self.split(x)
        both = ops.stack([key, value])
        cache = ops.slice_update(cache, (0, 0, position, 0, 0), both)
        seen = ops.reshape(ops.arange(ops.shape(cache)[2]) <= position, (1, 1, 1, -1))
        attended = ops.dot_product_attention(query, cache[0], cache[1], mask=seen)
        return self.result(ops.reshape(attended, ops.shape(x))), cache

    def get_config(self):
        """Return what the constructor was given."""
        return {**super().get_config(), "heads": self.heads}


class Block(layers.Layer):
    """Attention, then a wider dense layer, each normalised before and added to its input."""

    def __init__(self, width, heads, **kwargs):
        super().__init__(**kwargs)
        self.before, self.between = (
            layers.LayerNormalization(epsilon=1e-5, name=name) for name in ("before", "between")
        )
        self.attention = CausalAttention(heads, name="attention")
        self.wide = layers.Dense(4 * width, "gelu", name="wide")
        self.narrow = layers.Dense(width, name="narrow")
        self.drop = layers.Dropout(0.1)

    def think(self, x):
        """Return `x` with the dense layers' part added."""
        return x + self.drop(self.narrow(self.wide(self.between(x))))

    def call(self, x):
        return self.think(x + self.drop(self.attention(self.before(x))))

    def step(self, x, cache, position):
        """The same for one letter, with the keys and values of those before it."""
        attended, cache = self.attention.step(self.before(x), cache, position)
        return self.think(x + attended), cache


class GPT(keras.Model):
    """Letters [B, T] to the logits of the letter that follows each [B, T, letters]."""

    def __init__(self, letters, length, width, heads, depth):
        super().__init__()
        self.letters = layers.Embedding(letters, width)
        self.places = layers.Embedding(length, width)
        self.blocks = [Block(width, heads, name=f"block_{i}") for i in range(depth)]
        self.norm = layers.LayerNormalization(epsilon=1e-5)
        self.head = layers.Dense(letters, use_bias=False)

    def call(self, ids):
        x = self.letters(ids) + self.places(ops.arange(ops.shape(ids)[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))

    def step(self, ids, caches, position):
        """Return the logits after one more letter [B, 1], and the caches with it."""
        x = self.letters(ids) + self.places(ops.reshape(position, (1, 1)))
        kept = []
        for block, cache in zip(self.blocks, caches, strict=True):
            x, grown = block.step(x, cache, position)
            kept.append(grown)
        return self.head(self.norm(x))[:, 0], kept


def texts():
    """Return sentences as letters [N, LENGTH + 1], each from the start of a line."""
    sentences, _ = samples.load_review_sentences()
    code = {letter: index for index, letter in enumerate(LETTERS)}
    lines = ["\n" + text.lower() + "\n" for text in sentences[:ROWS]]
    ids = [[code[letter] for letter in line if letter in code] for line in lines]
    return keras.utils.pad_sequences(ids, maxlen=LENGTH + 1, padding="post", truncating="post")


def write(model, count, seed=0, temperature=0.7):
    """Return a line that the model writes, letter by letter: one compiled loop, keys cached."""
    width = WIDTH // HEADS
    caches = [ops.zeros((2, 1, LENGTH, HEADS, width)) for _ in model.blocks]
    noise = keras.random.uniform((count, len(LETTERS)), 1e-6, 1.0, seed=seed)
    gumbel = -ops.log(-ops.log(noise))

    def next_letter(carry, inputs):
        letter, caches = carry
        position, luck = inputs
        logits, caches = model.step(ops.reshape(letter, (1, 1)), caches, position)
        chosen = ops.cast(ops.argmax(logits[0] / temperature + luck), "int32")
        return (chosen, caches), chosen

    start = ops.convert_to_tensor(0, "int32")
    _, ids = ops.scan(next_letter, (start, caches), (ops.arange(count), gumbel))
    return "".join(LETTERS[index] for index in np.asarray(ids)).split("\n")[0]


def main():
    """Train, write three lines; return the history and the model."""
    keras.utils.set_random_seed(0)
    ids = texts()
    model = GPT(len(LETTERS), LENGTH, WIDTH, HEADS, DEPTH)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(3e-3, weight_decay=0.01, clipnorm=1.0), loss)
    weights = (ids[:, 1:] > 0) | (ids[:, :-1] > 0)  # padding is not to be learnt
    history = model.fit(
        ids[:, :-1], ids[:, 1:], batch_size=32, epochs=EPOCHS,
        sample_weight=weights.astype("float32"), validation_split=0.1,
    )  # fmt: skip
    for seed in range(3):
        print(repr(write(model, LENGTH, seed)))
    return history.history, model


if __name__ == "__main__":
    main()
