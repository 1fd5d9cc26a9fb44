"""Models of pictures, for any `keras` module."""

from __future__ import annotations

from typing import Any


def build_convnet(keras: Any) -> Any:
    """Two convolutions and a Dense: keras.io's MNIST convnet."""
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def build_resnet20(keras: Any) -> Any:
    """ResNet-20 for 32 x 32 pictures (He et al., 2015, n = 3), with 1 x 1 projections."""
    layers = keras.layers

    def convolved(x: Any, width: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(
            width, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
        )(x)
        return layers.BatchNormalization()(x)

    def block(x: Any, width: int, strides: int) -> Any:
        kept = x if strides == 1 else convolved(x, width, 1, strides)
        x = layers.Activation("relu")(convolved(x, width, 3, strides))
        return layers.Activation("relu")(layers.add([convolved(x, width, 3), kept]))

    inputs = keras.Input((32, 32, 3))
    x = layers.Activation("relu")(convolved(inputs, 16, 3))
    for width in (16, 32, 64):
        for place in range(3):
            x = block(x, width, 2 if width > 16 and place == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_separable(keras: Any) -> Any:
    """Depthwise and pointwise convolutions in MobileNet's way, apart and as one layer."""
    layers = keras.layers

    def normalised(x: Any) -> Any:
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    def mobile(x: Any, width: int, strides: int) -> Any:
        x = layers.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(x)
        return normalised(layers.Conv2D(width, 1, use_bias=False)(normalised(x)))

    def separable(x: Any, width: int, strides: int) -> Any:
        layer = layers.SeparableConv2D(width, 3, strides, padding="same", use_bias=False)
        return normalised(layer(x))

    inputs = keras.Input((32, 32, 3))
    x = normalised(layers.Conv2D(32, 3, padding="same", use_bias=False)(inputs))
    x = mobile(mobile(x, 64, 1), 128, 2)
    x = separable(separable(x, 128, 1), 256, 2)
    x = layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, layers.Dense(10, activation="softmax")(x))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def build_autoencoder(keras: Any) -> Any:
    """Convolutions of stride 2 down to 7 x 7 and their transposes back up to 28 x 28."""
    layers = keras.layers
    pictures = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(pictures)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
    model = keras.Model(pictures, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))
    model.compile("adam", "binary_crossentropy")
    return model
