"""Search for a variational autoencoder of clothes: code size, beta, width, learning rate, batch.

Source of the model: Kingma & Welling, "Auto-encoding variational Bayes" (2013); of beta: Higgins et
al., "beta-VAE: learning basic visual concepts with a constrained variational framework" (2017).

What is trained with the loss of each trial's own beta is compared by one number that is the same
for all: the evidence lower bound (ELBO), on pictures held out, as a mean over folds.

Run it with `python examples/tune_vae.py`; `TRIALS`, `EPOCHS`, `ROWS` and `FOLDS` change its length.
Begun again, it goes on where it was; it is written to `out/tune_vae`.
"""

from __future__ import annotations

import os
from pathlib import Path

from rich import print as show
from vae import Sampling

from graphc import keras, keras_tuner, samples
from graphc.keras import layers, ops

TRIALS = int(os.environ.get("TRIALS", "10"))
EPOCHS = int(os.environ.get("EPOCHS", "3"))
ROWS = int(os.environ.get("ROWS", "1000"))
FOLDS = int(os.environ.get("FOLDS", "2"))
OUT = Path("out")


class VAE(keras.Model):
    """An encoder and a decoder; called on pictures, it gives what it makes of their mean codes."""

    def __init__(self, encoder, decoder, beta, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        # A variable, and no number: models that differ in it alone share their compiled programs.
        self.beta = self.add_weight(name="beta", initializer="ones", trainable=False)
        self.beta.assign(beta)
        names = ("loss", "reconstruction", "kl", "elbo")
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    @property
    def metrics(self):
        return self.trackers

    def call(self, images):
        return self.decoder(self.encoder(images)[0])

    def terms(self, images, training):
        """Return what the pixels lost and what the code says, per picture."""
        mean, log_variance, code = self.encoder(images, training=training)
        pixels = keras.losses.binary_crossentropy(images, self.decoder(code, training=training))
        divergence = 0.5 * (ops.square(mean) + ops.exp(log_variance) - 1 - log_variance)
        return ops.mean(ops.sum(pixels, axis=(1, 2))), ops.mean(ops.sum(divergence, axis=1))

    def report(self, reconstruction, kl):
        """Return the means so far."""
        loss = reconstruction + self.beta * kl
        values = (loss, reconstruction, kl, -reconstruction - kl)
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return {tracker.name: tracker.result() for tracker in self.trackers}

    def train_step(self, images):
        with keras.GradientTape() as tape:
            reconstruction, kl = self.terms(images, training=True)
            loss = reconstruction + self.beta * kl
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return self.report(reconstruction, kl)

    def test_step(self, images):
        return self.report(*self.terms(images, training=False))


def build(hp):
    """Return a compiled model of the values in `hp`."""
    latent = hp.Choice("latent", [4, 16])
    filters = hp.Choice("filters", [4, 8])
    images = keras.Input((28, 28, 1))
    x = layers.Conv2D(filters, 3, strides=2, padding="same", activation="relu")(images)
    x = layers.Conv2D(2 * filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(4 * filters, activation="relu")(layers.Flatten()(x))
    mean, log_variance = layers.Dense(latent)(x), layers.Dense(latent)(x)
    outputs = [mean, log_variance, Sampling(seed=1)([mean, log_variance])]
    encoder = keras.Model(images, outputs, name="encoder")

    code = keras.Input((latent,))
    x = layers.Dense(7 * 7 * 2 * filters, activation="relu")(code)
    x = layers.Reshape((7, 7, 2 * filters))(x)
    x = layers.Conv2DTranspose(filters, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(x)
    decoder = keras.Model(code, x, name="decoder")

    model = VAE(encoder, decoder, hp.Float("beta", 0.25, 4, sampling="log", default=1.0))
    model.compile(keras.optimizers.Adam(hp.Float("rate", 3e-4, 1e-2, sampling="log")))
    return model


class Clothes(keras_tuner.HyperModel):
    """The autoencoder, trained in batches of a size that is searched for as well."""

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [32, 64]), verbose=0, **kwargs)


def main():
    """Search, show the best trials, write the page; return the tuner and its best model."""
    (images, _), _ = samples.load_fashion_mnist()
    images = images[:ROWS, ..., None].astype("float32") / 255
    tuner = keras_tuner.BayesianOptimization(
        Clothes(),
        keras_tuner.Objective("val_elbo", "max"),
        max_trials=TRIALS,
        num_initial_points=max(2, TRIALS // 2),
        cv=FOLDS,
        seed=0,
        directory=OUT,
        project_name="tune_vae",
    )
    tuner.search(images, epochs=EPOCHS)
    show(tuner.hall_of_fame(5))
    keras_tuner.to_html(tuner, OUT / "tune_vae.html")
    model = tuner.get_best_models()[0]
    error = float(((model.predict(images, verbose=0) - images) ** 2).mean())
    print(f"Mean squared error of the best model's pictures: {error:.4f}")
    print(f"All trials: {OUT / 'tune_vae.html'}")
    return tuner, model


if __name__ == "__main__":
    main()
