"""Models of words and series, for any `keras` module."""

from __future__ import annotations

from typing import Any


def build_bilstm(keras: Any) -> Any:
    """Two bidirectional LSTMs of 64 on 200 words: keras.io's review classifier."""
    layers = keras.layers
    words = keras.Input((200,), dtype="int32")
    x = layers.Embedding(20000, 64)(words)
    x = layers.Bidirectional(layers.LSTM(64, return_sequences=True))(x)
    x = layers.Bidirectional(layers.LSTM(64))(x)
    model = keras.Model(words, layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_gru(keras: Any) -> Any:
    """A GRU of 64 that forecasts one number from 120 steps of 8."""
    model = keras.Sequential(
        [keras.Input((120, 8)), keras.layers.GRU(64), keras.layers.Dense(1)],
    )
    model.compile("adam", "mse")
    return model


def embedded(keras: Any, words: Any, vocabulary: int, width: int) -> Any:
    """Vectors of the words plus learned vectors of their places: [B, T] -> [B, T, width]."""
    layers = keras.layers

    class TokenAndPosition(layers.Layer):
        """Two tables, added."""

        def __init__(self, length: int) -> None:
            super().__init__()
            self.length = length
            self.words = layers.Embedding(vocabulary, width)
            self.places = layers.Embedding(length, width)

        def call(self, inputs: Any) -> Any:
            return self.words(inputs) + self.places(keras.ops.arange(self.length))

    return TokenAndPosition(words.shape[1])(words)


def build_transformer(keras: Any) -> Any:
    """One transformer block of two heads on 200 words: keras.io's text classifier."""
    layers, width = keras.layers, 32
    words = keras.Input((200,), dtype="int32")
    x = embedded(keras, words, 20000, width)
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=width)(x, x)
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(attended))
    inner = layers.Dense(width)(layers.Dense(width, activation="relu")(x))
    x = layers.LayerNormalization(epsilon=1e-6)(x + layers.Dropout(0.1)(inner))
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling1D()(x))
    x = layers.Dropout(0.1)(layers.Dense(20, activation="relu")(x))
    model = keras.Model(words, layers.Dense(2, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_gpt(keras: Any) -> Any:
    """Twelve pre-norm blocks of width 128 and four heads that tell the next of 64 words."""
    layers, vocabulary, width, heads = keras.layers, 1000, 128, 4
    words = keras.Input((64,), dtype="int32")
    x = embedded(keras, words, vocabulary, width)
    for _ in range(12):
        normal = layers.LayerNormalization(epsilon=1e-5)(x)
        attention = layers.MultiHeadAttention(heads, width // heads)
        x = x + attention(normal, normal, use_causal_mask=True)
        inner = layers.Dense(4 * width, activation="gelu")(
            layers.LayerNormalization(epsilon=1e-5)(x)
        )
        x = x + layers.Dense(width)(inner)
    logits = layers.Dense(vocabulary)(layers.LayerNormalization(epsilon=1e-5)(x))
    model = keras.Model(words, logits)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
