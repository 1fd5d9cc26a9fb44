"""Let two convolutional networks play: one draws clothes, the other tells them from real ones.

Sources: Goodfellow et al., "Generative adversarial networks" (2014); Radford et al., "Unsupervised
representation learning with deep convolutional generative adversarial networks" (2015). The score
follows Salimans et al., "Improved techniques for training GANs" (2016), with a classifier of
clothes in place of Inception.

The model has no `call`, and a `train_step` with two tapes and two optimizers: one compiled graph.

Run it with `python examples/gan.py`; `EPOCHS=1` makes it short, and `ROWS=60000` takes the whole of
Fashion-MNIST where Keras's cache folder has it, in place of the packaged tenth.
"""

from __future__ import annotations

import os
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from graphc import keras, samples
from graphc.keras import layers, ops

EPOCHS = int(os.environ.get("EPOCHS", "10"))
ROWS = int(os.environ.get("ROWS", "6000"))
FILTERS = int(os.environ.get("FILTERS", "32"))
BATCH, LATENT = 32, 64
OUT = Path("out")


def build_generator(filters=FILTERS, latent=LATENT):
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


def build_discriminator(filters=FILTERS):
    """Return the model from pictures to a logit: the higher, the more real."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="discriminator")
    for width in (filters, 2 * filters):
        model.add(layers.Conv2D(width, 4, strides=2, padding="same"))
        model.add(layers.LeakyReLU(0.2))
        model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


class GAN(keras.Model):
    """A generator and a discriminator, each with an optimizer of its own."""

    def __init__(self, generator, discriminator, latent=LATENT, **kwargs):
        super().__init__(**kwargs)
        self.generator, self.discriminator, self.latent = generator, discriminator, latent
        self.seed_generator = keras.random.SeedGenerator(1)
        self.d_tracker = keras.metrics.Mean(name="d_loss")
        self.g_tracker = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.d_tracker, self.g_tracker]

    def compile(self, d_optimizer, g_optimizer, loss):
        super().compile()
        self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss

    def train_step(self, real):
        noise = keras.random.normal((ops.shape(real)[0], self.latent), seed=self.seed_generator)
        with keras.GradientTape() as d_tape, keras.GradientTape() as g_tape:
            fake = self.generator(noise, training=True)
            on_real = self.discriminator(real, training=True)
            on_fake = self.discriminator(fake, training=True)
            # Real pictures count 0.9: a discriminator that is never certain teaches for longer.
            d_loss = self.loss_fn(0.9 * ops.ones_like(on_real), on_real)
            d_loss += self.loss_fn(ops.zeros_like(on_fake), on_fake)
            g_loss = self.loss_fn(ops.ones_like(on_fake), on_fake)
        d_weights = self.discriminator.trainable_weights
        g_weights = self.generator.trainable_weights
        d_gradients = d_tape.gradient(d_loss, d_weights)
        g_gradients = g_tape.gradient(g_loss, g_weights)
        self.d_optimizer.apply_gradients(zip(d_gradients, d_weights, strict=True))
        self.g_optimizer.apply_gradients(zip(g_gradients, g_weights, strict=True))
        self.d_tracker.update_state(d_loss)
        self.g_tracker.update_state(g_loss)
        return {metric.name: metric.result() for metric in self.metrics}


def data(rows=ROWS):
    """Return pictures [N, 28, 28, 1], from -1 to 1, with their classes: to train on, held out."""
    packaged = rows <= 6000
    load = samples.load_fashion_mnist if packaged else keras.datasets.fashion_mnist.load_data
    return tuple((x[:rows, ..., None].astype("float32") / 127.5 - 1, y[:rows]) for x, y in load())


def train_judge(images, classes, filters=16):
    """Return a classifier of real pictures."""
    model = keras.Sequential([keras.Input((28, 28, 1))], name="judge")
    for width in (filters, 2 * filters):
        model.add(layers.Conv2D(width, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, classes, batch_size=BATCH, epochs=5, verbose=0)
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


def main():
    """Train, draw, and score before and after; return the history and the scores."""
    keras.utils.set_random_seed(0)
    (train, classes), (test, _) = data()
    judge = train_judge(train, classes)
    model = GAN(build_generator(), build_discriminator())
    model.compile(
        d_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    noise = np.random.default_rng(0).normal(size=(1000, LATENT)).astype("float32")
    before = model.generator.predict(noise, verbose=0)
    history = model.fit(train, batch_size=BATCH, epochs=EPOCHS, verbose=2).history
    after = model.generator.predict(noise, verbose=0)

    for name, values in history.items():
        print(f"{name} by epoch:", *(f"{value:.2f}" for value in values))
    shown = {"before training": before, "after training": after, "real, held out": test}
    scores = {name: score(judge, images) for name, images in shown.items()}
    for name, row in scores.items():
        print(f"{name:>15}:", ", ".join(f"{key} {value:.2f}" for key, value in row.items()))
    save_grid(OUT / "gan_samples.png", after[:64], columns=8)
    print(f"Pictures: {OUT / 'gan_samples.png'}")
    return history, scores


if __name__ == "__main__":
    main()
