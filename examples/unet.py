"""Clean noisy pictures of clothes with a U-Net, and write some of them as a PNG.

Source: Ronneberger et al., "U-Net: convolutional networks for biomedical image segmentation"
(2015), with "same" padding and two levels, for small pictures.

Run it with `python examples/unet.py`; `EPOCHS=1` makes it short.
"""

from __future__ import annotations

import os

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from graphc import keras, samples
from graphc.keras import layers

EPOCHS = int(os.environ.get("EPOCHS", "4"))
ROWS = int(os.environ.get("ROWS", "2000"))


def double_conv(x, filters):
    """Two convolutions, each normalised: a level of the U."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
    return x


def build_unet(shape=(28, 28, 1), filters=(16, 32), bottom=64):
    """Return the model: down by pooling, up by transposed convolutions, skips between."""
    inputs = keras.Input(shape)
    x, skips = inputs, []
    for width in filters:
        x = double_conv(x, width)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.1)(double_conv(x, bottom))
    for width, skip in zip(reversed(filters), reversed(skips), strict=True):
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x)
        x = double_conv(layers.Concatenate()([x, skip]), width)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x), name="unet")


def pairs(images, seed):
    """Return pictures under heavy noise [N, 28, 28, 1], and as they are."""
    clean = images[..., None].astype("float32") / 255
    noise = np.random.default_rng(seed).normal(0, 0.4, clean.shape).astype("float32")
    return np.clip(clean + noise, 0, 1), clean


def main():
    """Train, compare with the noise, draw; return the history."""
    keras.utils.set_random_seed(0)
    (train, _), (test, _) = samples.load_fashion_mnist()
    x, y = pairs(train[:ROWS], seed=0)
    x_test, y_test = pairs(test[:200], seed=1)
    model = build_unet()
    model.compile(keras.optimizers.Adam(2e-3), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=64, epochs=EPOCHS, validation_data=(x_test, y_test))
    cleaned = model.predict(x_test, verbose=0)
    errors = [float(np.mean((image - y_test) ** 2)) for image in (x_test, cleaned)]
    print(f"Mean squared error of the noisy pictures: {errors[0]:.4f}, cleaned: {errors[1]:.4f}")
    rows = np.concatenate([np.hstack(part[:8, ..., 0]) for part in (x_test, cleaned, y_test)])
    plt.imsave("unet.png", rows, cmap="gray")
    return history.history


if __name__ == "__main__":
    main()
