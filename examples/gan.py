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

import numpy as np
from clothes import build_generator, data, save_grid, score, train_judge

from graphc import keras
from graphc.keras import layers, ops

EPOCHS = int(os.environ.get("EPOCHS", "10"))
ROWS = int(os.environ.get("ROWS", "6000"))
FILTERS = int(os.environ.get("FILTERS", "32"))
BATCH, LATENT = 32, 64
OUT = Path("out")


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


def main():
    """Train, draw, and score before and after; return the history and the scores."""
    keras.utils.set_random_seed(0)
    (train, classes), (test, _) = data(ROWS)
    judge = train_judge(train, classes, BATCH)
    model = GAN(build_generator(FILTERS, LATENT), build_discriminator())
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
