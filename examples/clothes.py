"""What the two generators of clothes share: pictures, a generator, a judge of what it draws.

The score follows Salimans et al., "Improved techniques for training GANs" (2016), with a classifier
of clothes in place of Inception.
"""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from graphc import keras, samples
from graphc.keras import layers


def build_generator(filters, latent):
    """Return the model from noise to pictures between -1 and 1."""
    model = keras.Sequential([keras.Input((latent,))], name="generator")
    model.add(layers.Dense(7 * 7 * 2 * filters, use_bias=False))
    model.add(layers.Reshape((7, 7, 2 * filters)))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.Activation("relu"))
    model.add(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False))
    model.add(layers.BatchNormalization(momentum=0.9))
    model.add(layers.Activation("relu"))
    model.add(layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"))
    return model


def data(rows):
    """Return pictures [N, 28, 28, 1], from -1 to 1, with their classes: to train on, held out."""
    packaged = rows <= 6000
    load = samples.load_fashion_mnist if packaged else keras.datasets.fashion_mnist.load_data
    return tuple((x[:rows, ..., None].astype("float32") / 127.5 - 1, y[:rows]) for x, y in load())


def train_judge(images, classes, batch_size, filters=16):
    """Return a classifier of real pictures."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="judge")
    for width in (filters, 2 * filters):
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, classes, batch_size=batch_size, epochs=5, verbose=0)
    return model


def entropy(chances):
    """Return the entropy of distributions [..., classes], in nats."""
    return -np.sum(chances * np.log(chances + 1e-9), axis=-1)


def score(judge, images):
    """Return how sure the classifier is, how many classes it sees, and both as one number.

    The classes seen are the exponential of the entropy of what it chose: 10 if each as often. The
    last is the inception score, from 1 to 10: high where each picture is clearly of one class, and
    all together are of many.
    """
    chances = judge.predict(images, verbose=0)  # [N, 10]
    chosen = np.bincount(chances.argmax(axis=1), minlength=10) / len(chances)
    inception = np.exp(entropy(chances.mean(axis=0)) - entropy(chances).mean())
    found = chances.max(axis=1).mean(), np.exp(entropy(chosen)), inception
    return dict(zip(("confidence", "classes", "inception"), map(float, found), strict=True))


def save_grid(path, images, columns):
    """Write pictures [N, 28, 28, 1], from -1 to 1, as one, row by row."""
    path.parent.mkdir(exist_ok=True)
    rows = [np.hstack(images[at : at + columns]) for at in range(0, len(images), columns)]
    plt.imsave(path, np.concatenate(rows)[..., 0], cmap="gray", vmin=-1, vmax=1)
