"""Two generative models, for any `keras` module: a variational autoencoder and a GAN."""

from __future__ import annotations

from typing import Any

import numpy as np

LATENT = 16
NOISE = 64


def build_vae(keras: Any) -> Any:
    """A convolutional autoencoder of 28 x 28 pictures whose code is drawn: the same for all."""
    layers, ops = keras.layers, keras.ops

    class Sampling(layers.Layer):
        """Draws a code, and adds what it costs to the loss."""

        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1)

        def call(self, inputs: Any) -> Any:
            mean, log_variance = inputs
            spread = ops.square(mean) + ops.exp(log_variance) - 1 - log_variance
            self.add_loss(0.5 * ops.mean(ops.sum(spread, axis=1)))
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            return mean + ops.exp(0.5 * log_variance) * noise

    def lost_pixels(y_true: Any, y_pred: Any) -> Any:
        return ops.sum(keras.losses.binary_crossentropy(y_true, y_pred), axis=(1, 2))

    pictures = keras.Input((28, 28, 1))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(pictures)
    x = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    code = Sampling()([layers.Dense(LATENT)(x), layers.Dense(LATENT)(x)])
    x = layers.Dense(7 * 7 * 64, activation="relu")(code)
    x = layers.Reshape((7, 7, 64))(x)
    x = layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(x)
    decoded = layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid")(x)
    model = keras.Model(pictures, decoded)
    model.compile("adam", lost_pixels)
    return model


def build_gan(keras: Any) -> Any:
    """A small DCGAN with an optimizer for each side, in each peer's own way to train one.

    Keras on JAX has no step with two optimizers: what its guide shows is a loop written by hand
    around a jitted function, with less around it than `fit` has. That is what it is given.
    """
    generator, discriminator = _generator(keras), _discriminator(keras)
    if keras.__name__ == "keras":
        return _HandWritten(keras, generator, discriminator)
    model = _tape_model(keras)(generator, discriminator)
    model.compile(*_optimizers(keras))
    return model


def _generator(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((NOISE,)),
            layers.Dense(7 * 7 * 64, use_bias=False),
            layers.Reshape((7, 7, 64)),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Conv2DTranspose(32, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ]
    )


def _discriminator(keras: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential([keras.Input((28, 28, 1))])
    for width in (32, 64):
        model.add(layers.Conv2D(width, 4, strides=2, padding="same"))
        model.add(layers.LeakyReLU(0.2))
        model.add(layers.Dropout(0.3))
    model.add(layers.Flatten())
    model.add(layers.Dense(1))
    return model


def _optimizers(keras: Any) -> tuple[Any, Any]:
    adam = keras.optimizers.Adam
    return adam(2e-4, beta_1=0.5), adam(4e-4, beta_1=0.5)


def _tape_model(keras: Any) -> Any:
    ops = keras.ops

    class GAN(keras.Model):
        """One side after the other, each with a tape, as Keras's guides write it."""

        def __init__(self, generator: Any, discriminator: Any) -> None:
            super().__init__()
            self.generator, self.discriminator = generator, discriminator
            self.seed_generator = keras.random.SeedGenerator(1)
            self.judge = keras.losses.BinaryCrossentropy(from_logits=True)
            self.trackers = [keras.metrics.Mean(name="d_loss"), keras.metrics.Mean(name="g_loss")]

        def compile(self, d_optimizer: Any, g_optimizer: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

        def train_step(self, real: Any) -> dict[str, Any]:
            d_loss = self.improve(self.discriminator, self.d_optimizer, self.told_apart, real)
            g_loss = self.improve(self.generator, self.g_optimizer, self.fooled, real)
            for tracker, loss in zip(self.trackers, (d_loss, g_loss), strict=True):
                tracker.update_state(loss)
            return {tracker.name: tracker.result() for tracker in self.trackers}

        def improve(self, side: Any, optimizer: Any, loss_of: Any, real: Any) -> Any:
            noise = keras.random.normal((ops.shape(real)[0], NOISE), seed=self.seed_generator)
            with keras.GradientTape() as tape:
                loss = loss_of(real, self.generator(noise, training=True))
            weights = side.trainable_weights
            optimizer.apply(tape.gradient(loss, weights), weights)
            return loss

        def told_apart(self, real: Any, fake: Any) -> Any:
            on_real = self.discriminator(real, training=True)
            on_fake = self.discriminator(fake, training=True)
            return self.judge(ops.ones_like(on_real), on_real) + self.judge(
                ops.zeros_like(on_fake), on_fake
            )

        def fooled(self, real: Any, fake: Any) -> Any:
            on_fake = self.discriminator(fake, training=True)
            return self.judge(ops.ones_like(on_fake), on_fake)

    return GAN


class _HandWritten:
    """Keras's stateless interface in one jitted step, in a loop over shuffled batches."""

    def __init__(self, keras: Any, generator: Any, discriminator: Any) -> None:
        import jax

        self.optimizers = _optimizers(keras)
        self.judge = keras.losses.BinaryCrossentropy(from_logits=True)
        self.sides = discriminator, generator
        for optimizer, side in zip(self.optimizers, self.sides, strict=True):
            optimizer.build(side.trainable_variables)
        self.state = [
            tuple(
                [variable.value for variable in variables]
                for variables in (side.trainable_variables, side.non_trainable_variables, own)
            )
            for side, own in zip(self.sides, (o.variables for o in self.optimizers), strict=True)
        ]
        self.key, self.random = jax.random.key(1), np.random.default_rng(1)
        self.step = jax.jit(self._step)

    def fit(self, x: Any, _y: Any = None, *, batch_size: int, epochs: int = 1, **_: Any) -> Any:
        """Train as `Model.fit` does; return the means of the last epoch as `History` has them."""
        import jax

        starts = range(0, len(x), batch_size)
        for _epoch in range(epochs):
            order, losses = self.random.permutation(len(x)), []
            for start in starts:
                self.key, key = jax.random.split(self.key)
                batch = x[order[start : start + batch_size]]
                loss, self.state = self.step(self.state, batch, key)
                losses.append(loss)
            d_loss, g_loss = np.mean(np.asarray(losses), axis=0)
        return _History({"d_loss": [float(d_loss)], "g_loss": [float(g_loss)]})

    def _step(self, state: Any, real: Any, key: Any) -> Any:
        import jax

        (d_trainable, d_fixed, d_own), (g_trainable, g_fixed, g_own) = state
        d_optimizer, g_optimizer = self.optimizers
        first, second = (
            jax.random.normal(one, (real.shape[0], NOISE)) for one in jax.random.split(key)
        )
        fake, g_fixed = self.sides[1].stateless_call(g_trainable, g_fixed, first, training=True)
        (d_loss, d_fixed), gradients = jax.value_and_grad(self._told_apart, has_aux=True)(
            d_trainable, d_fixed, real, fake
        )
        d_trainable, d_own = d_optimizer.stateless_apply(d_own, gradients, d_trainable)
        (g_loss, (g_fixed, d_fixed)), gradients = jax.value_and_grad(self._fooled, has_aux=True)(
            g_trainable, g_fixed, d_trainable, d_fixed, second
        )
        g_trainable, g_own = g_optimizer.stateless_apply(g_own, gradients, g_trainable)
        after = [(d_trainable, d_fixed, d_own), (g_trainable, g_fixed, g_own)]
        return (d_loss, g_loss), after

    def _judged(self, weights: Any, fixed: Any, pictures: Any, label: float) -> Any:
        import jax.numpy as jnp

        logits, fixed = self.sides[0].stateless_call(weights, fixed, pictures, training=True)
        return self.judge(jnp.full_like(logits, label), logits), fixed

    def _told_apart(self, weights: Any, fixed: Any, real: Any, fake: Any) -> Any:
        on_real, fixed = self._judged(weights, fixed, real, 1.0)
        on_fake, fixed = self._judged(weights, fixed, fake, 0.0)
        return on_real + on_fake, fixed

    def _fooled(self, weights: Any, fixed: Any, d_weights: Any, d_fixed: Any, noise: Any) -> Any:
        fake, fixed = self.sides[1].stateless_call(weights, fixed, noise, training=True)
        loss, d_fixed = self._judged(d_weights, d_fixed, fake, 1.0)
        return loss, (fixed, d_fixed)


class _History:
    def __init__(self, history: dict[str, list[float]]) -> None:
        self.history = history
