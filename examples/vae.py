"""Learn to draw clothes with a variational autoencoder, and write what it drew as two PNGs.

Source: Kingma & Welling, "Auto-encoding variational Bayes" (2013), with convolutions.

The model defines its own `train_step` and `test_step`; each is compiled as one graph.

Run it with `python examples/vae.py`; `EPOCHS=1` makes it short, and `ROWS=60000` takes the whole of
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
BATCH, LATENT = 64, 16
OUT = Path("out")


class Sampling(layers.Layer):
    """Draws a code from the normal distribution that the encoder describes."""

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise


def build_encoder(filters=FILTERS, latent=LATENT):
    """Return the model from pictures to the mean, the log of the variance, and a drawn code."""
    images = keras.Input((28, 28, 1))
    x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(images)
    x = layers.Conv2D(2 * filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(4 * filters, activation="relu")(layers.Flatten()(x))
    mean = layers.Dense(latent, name="mean")(x)
    log_variance = layers.Dense(latent, name="log_variance")(x)
    code = Sampling(seed=1, name="code")([mean, log_variance])
    return keras.Model(images, [mean, log_variance, code], name="encoder")


def build_decoder(filters=FILTERS, latent=LATENT):
    """Return the model from codes to pictures."""
    code = keras.Input((latent,))
    x = layers.Dense(7 * 7 * 2 * filters, activation="relu")(code)
    x = layers.Reshape((7, 7, 2 * filters))(x)
    x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)
    return keras.Model(code, x, name="decoder")


class VAE(keras.Model):
    """An encoder and a decoder; called on pictures, it gives what it makes of their mean codes."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.loss_tracker = keras.metrics.Mean(name="loss")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction")
        self.kl_tracker = keras.metrics.Mean(name="kl")

    @property
    def metrics(self):
        return [self.loss_tracker, self.reconstruction_tracker, self.kl_tracker]

    def call(self, images):
        mean, _, _ = self.encoder(images)
        return self.decoder(mean)

    def terms(self, images, training):
        """Return both parts of the loss, per picture: what the pixels lost, what the code says."""
        mean, log_variance, code = self.encoder(images, training=training)
        decoded = self.decoder(code, training=training)
        pixels = keras.losses.binary_crossentropy(images, decoded)  # [B, 28, 28]
        divergence = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)
        return ops.mean(ops.sum(pixels, axis=(1, 2))), ops.mean(ops.sum(divergence, axis=1))

    def report(self, loss, reconstruction, kl):
        """Return the means so far."""
        for metric, value in zip(self.metrics, (loss, reconstruction, kl), strict=True):
            metric.update_state(value)
        return {metric.name: metric.result() for metric in self.metrics}

    def train_step(self, images):
        with keras.GradientTape() as tape:
            reconstruction, kl = self.terms(images, training=True)
            loss = reconstruction + kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        return self.report(loss, reconstruction, kl)

    def test_step(self, images):
        reconstruction, kl = self.terms(images, training=False)
        return self.report(reconstruction + kl, reconstruction, kl)


def data(rows=ROWS):
    """Return pictures to train on and pictures held out, [N, 28, 28, 1], from 0 to 1."""
    packaged = rows <= 6000
    load = samples.load_fashion_mnist if packaged else keras.datasets.fashion_mnist.load_data
    (train, _), (test, _) = load()
    return tuple(part[:rows, ..., None].astype("float32") / 255 for part in (train, test))


def save_grid(path, images, columns):
    """Write pictures [N, 28, 28, 1] as one, row by row."""
    path.parent.mkdir(exist_ok=True)
    rows = [np.hstack(images[at : at + columns]) for at in range(0, len(images), columns)]
    plt.imsave(path, np.concatenate(rows)[..., 0], cmap="gray", vmin=0, vmax=1)


def errors(model, train, test):
    """Return the mean squared error of the mean picture and of the model, on pictures held out."""
    decoded = model.predict(test, verbose=0)
    return tuple(float(np.mean((guess - test) ** 2)) for guess in (train.mean(axis=0), decoded))


def main():
    """Train, compare with the mean picture, draw; return the history and both errors."""
    keras.utils.set_random_seed(0)
    train, test = data()
    model = VAE(build_encoder(), build_decoder())
    model.compile(keras.optimizers.Adam(1e-3))
    history = model.fit(
        train, batch_size=BATCH, epochs=EPOCHS, validation_data=(test,), verbose=2
    ).history
    for name in ("loss", "val_loss"):
        print(f"{name} by epoch:", *(f"{value:.1f}" for value in history[name]))

    by_mean, by_model = errors(model, train, test)
    print(f"Mean squared error on pictures held out: the mean picture {by_mean:.4f}, ", end="")
    print(f"the model {by_model:.4f} ({1 - by_model / by_mean:.0%} of the variance explained)")

    noise = np.random.default_rng(0).normal(size=(64, LATENT)).astype("float32")
    save_grid(OUT / "vae_samples.png", model.decoder.predict(noise, verbose=0), columns=8)
    shown = test[:12]
    pairs = np.concatenate([shown, model.predict(shown, verbose=0)])
    save_grid(OUT / "vae_reconstructions.png", pairs, columns=len(shown))
    print(f"Pictures: {OUT / 'vae_samples.png'}, {OUT / 'vae_reconstructions.png'}")
    return history, (by_mean, by_model)


if __name__ == "__main__":
    main()
