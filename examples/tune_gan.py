"""Search for a GAN of clothes: noise size, widths, both learning rates, batch size.

Sources: Radford et al., "Unsupervised representation learning with deep convolutional generative
adversarial networks" (2015); of the score: Heusel et al., "GANs trained by a two time-scale update
rule converge to a local Nash equilibrium" (2017), with a small classifier of clothes for Inception.

The losses of a GAN say little of its pictures. What is compared here is the Fréchet distance
between drawn and held-out pictures, in the features of the classifier, as a mean over folds.

Run it with `python examples/tune_gan.py`; `TRIALS`, `EPOCHS`, `ROWS` and `FOLDS` change its length.
Begun again, it goes on where it was; it is written to `out/tune_gan`.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from clothes import build_generator, data, save_grid, train_judge
from gan import GAN, build_discriminator
from rich import print as show

from graphc import keras, keras_tuner

TRIALS = int(os.environ.get("TRIALS", "6"))
EPOCHS = int(os.environ.get("EPOCHS", "4"))
ROWS = int(os.environ.get("ROWS", "800"))
FOLDS = int(os.environ.get("FOLDS", "2"))
OUT = Path("out")


def build(hp):
    """Return a compiled model of the values in `hp`."""
    latent = hp.Choice("latent", [16, 64])
    generator = build_generator(hp.Choice("g_filters", [4, 8]), latent)
    model = GAN(generator, build_discriminator(hp.Choice("d_filters", [4, 8])), latent)
    rates = [hp.Float(f"{side}_rate", 1e-4, 3e-3, sampling="log") for side in "dg"]
    model.compile(
        *(keras.optimizers.Adam(rate, beta_1=0.5) for rate in rates),
        keras.losses.BinaryCrossentropy(from_logits=True),
    )
    return model


class Clothes(keras_tuner.HyperModel):
    """The GAN, trained in batches of a size that is searched for as well.

    The held-out pictures are for the score alone: a GAN has no loss of its own on them.
    """

    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, validation_data=None, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch", [16, 32]), verbose=0, **kwargs)


def draw(model, count):
    """Return `count` pictures of the generator's, always of the same noise."""
    noise = np.random.default_rng(0).normal(size=(count, model.latent)).astype("float32")
    return model.generator.predict(noise, verbose=0)


def main():
    """Search, show the best trials, write the page and pictures; return the tuner and a picture."""
    keras.utils.set_random_seed(0)
    (images, classes), _ = data(ROWS)
    judge = train_judge(images, classes, batch_size=32)
    features = keras.Model(judge.inputs, judge.layers[-2].output)
    tuner = keras_tuner.BayesianOptimization(
        Clothes(),
        keras_tuner.FrechetDistance(features, draw),
        max_trials=TRIALS,
        num_initial_points=max(2, TRIALS // 2),
        cv=FOLDS,
        seed=0,
        directory=OUT,
        project_name="tune_gan",
    )
    tuner.search(images, epochs=EPOCHS)
    show(tuner.hall_of_fame(5))
    keras_tuner.to_html(tuner, OUT / "tune_gan.html")
    drawn = draw(tuner.get_best_models()[0], 64)
    save_grid(OUT / "tune_gan.png", drawn, columns=8)
    print(f"All trials: {OUT / 'tune_gan.html'}; pictures of the best: {OUT / 'tune_gan.png'}")
    return tuner, drawn


if __name__ == "__main__":
    main()
