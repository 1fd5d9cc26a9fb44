"""Models of Dense layers, for any `keras` module: three tutorials and a table's classifier."""

from __future__ import annotations

from typing import Any


def build_mlp(keras: Any) -> Any:
    """784-128-10: the first tutorial of TensorFlow's site."""
    model = keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_functional(keras: Any) -> Any:
    """20-64-64-1: the functional API's first example."""
    inputs = keras.Input(shape=(20,))
    x = keras.layers.Dense(64, activation="relu")(inputs)
    x = keras.layers.Dense(64, activation="relu")(x)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_reviews(keras: Any) -> Any:
    """Embedding, mean over the words, Dense 16, Dense 1: the IMDB tutorial."""
    model = keras.Sequential(
        [
            keras.layers.Embedding(10000, 16),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def build_tabular(keras: Any) -> Any:
    """Three times Dense 256, BatchNormalization, relu and Dropout on 32 numbers a row."""
    layers = keras.layers
    inputs = x = keras.Input((32,))
    for _ in range(3):
        x = layers.Dense(256)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.2)(layers.Activation("relu")(x))
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
