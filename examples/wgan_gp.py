"""Draw clothes with a Wasserstein GAN, whose critic pays for slopes other than one.

Sources: Arjovsky et al., "Wasserstein GAN" (2017); Gulrajani et al., "Improved training of
Wasserstein GANs" (2017). The score follows Salimans et al., "Improved techniques for training GANs"
(2016), with a classifier of clothes in place of Inception.

A `train_step` holds several steps of the critic, each with a gradient inside a gradient, and one of
the generator: one compiled graph all the same.

Run it with `python examples/wgan_gp.py`; `EPOCHS=1` makes it short, and `ROWS=60000` takes the
whole of Fashion-MNIST where Keras's cache folder has it, in place of the packaged tenth.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from clothes import build_generator, data, save_grid, score, train_judge

from graphc import keras
from graphc.keras import layers, ops

EPOCHS = int(os.environ.get("EPOCHS", "8"))
ROWS = int(os.environ.get("ROWS", "6000"))
FILTERS = int(os.environ.get("FILTERS", "16"))
BATCH, LATENT = 64, 64
OUT = Path("out")


def build_critic(filters=FILTERS):
    """Return the model from pictures to a number: the higher, the more real.

    Nothing in it normalises over the batch: the penalty is about each picture's own slope.
    """
    model = keras.Sequential([keras.Input((28, 28, 1))], name="critic")
    for width in (filters, 2 * filters):
        model.add(layers.Conv2D(width, 4, strides=2, padding="same"))
        model.add(layers.LeakyReLU(0.2))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


class WGAN(keras.Model):
    """A generator, and a critic that learns several times as often."""

    def __init__(self, generator, critic, latent=LATENT, critic_steps=3, penalty=10.0, **kwargs):
        super().__init__(**kwargs)
        self.generator, self.critic, self.latent = generator, critic, latent
        self.critic_steps, self.penalty = critic_steps, penalty
        self.seed_generator = keras.random.SeedGenerator(1)
        self.distance_tracker = keras.metrics.Mean(name="distance")
        self.g_tracker = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.distance_tracker, self.g_tracker]

    def compile(self, c_optimizer, g_optimizer):
        super().compile()
        self.c_optimizer, self.g_optimizer = c_optimizer, g_optimizer

    def draw(self, count):
        """Return pictures of the generator's, as it is while it learns."""
        noise = keras.random.normal((count, self.latent), seed=self.seed_generator)
        return self.generator(noise, training=True)

    def gradient_penalty(self, real, fake):
        """Return how far the critic's slope is from one, between real and drawn pictures."""
        part = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=self.seed_generator)
        between = fake + part * (real - fake)
        with keras.GradientTape() as tape:
            tape.watch(between)
            worth = self.critic(between, training=True)
        slopes = tape.gradient(worth, between)
        norms = ops.sqrt(ops.sum(ops.square(slopes), axis=(1, 2, 3)) + 1e-12)
        return ops.mean(ops.square(norms - 1))

    def critic_step(self, real):
        """Teach the critic once; return the distance that it sees between real and drawn."""
        # The generator is not taught here.
        fake = ops.stop_gradient(self.draw(ops.shape(real)[0]))
        with keras.GradientTape() as tape:
            worth = self.critic(real, training=True), self.critic(fake, training=True)
            distance = ops.mean(worth[0]) - ops.mean(worth[1])
            loss = self.penalty * self.gradient_penalty(real, fake) - distance
        weights = self.critic.trainable_weights
        gradients = tape.gradient(loss, weights)
        self.c_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return distance

    def generator_step(self, count):
        """Teach the generator once; return its loss."""
        with keras.GradientTape() as tape:
            loss = -ops.mean(self.critic(self.draw(count), training=True))
        weights = self.generator.trainable_weights
        gradients = tape.gradient(loss, weights)
        self.g_optimizer.apply_gradients(zip(gradients, weights, strict=True))
        return loss

    def train_step(self, real):
        for _ in range(self.critic_steps):
            self.distance_tracker.update_state(self.critic_step(real))
        self.g_tracker.update_state(self.generator_step(ops.shape(real)[0]))
        return {metric.name: metric.result() for metric in self.metrics}


def main():
    """Train, draw, and score before and after; return the history and the scores."""
    keras.utils.set_random_seed(0)
    (train, classes), (test, _) = data(ROWS)
    judge = train_judge(train, classes, BATCH)
    model = WGAN(build_generator(FILTERS, LATENT), build_critic())
    model.compile(
        c_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5, beta_2=0.9),
        g_optimizer=keras.optimizers.Adam(1e-3, beta_1=0.5, beta_2=0.9),
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
    save_grid(OUT / "wgan_gp_samples.png", after[:64], columns=8)
    print(f"Pictures: {OUT / 'wgan_gp_samples.png'}")
    return history, scores


if __name__ == "__main__":
    main()
