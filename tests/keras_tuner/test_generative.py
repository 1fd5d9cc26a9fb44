"""Models whose step calls their parts and never the model: built by `fit`, and searched for."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import cache_info, keras, keras_tuner
from graphc.keras import layers, ops


class Pair(keras.Model):
    """A generator and a discriminator, without a `call`."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.Sequential([layers.Dense(4)])  # neither knows its shape before
        self.discriminator = keras.Sequential([layers.Dense(1)])
        self.seeds = keras.random.SeedGenerator(1)
        self.tracker = keras.metrics.Mean(name="g_loss")

    @property
    def metrics(self):
        return [self.tracker]

    def train_step(self, real):
        noise = keras.random.normal((ops.shape(real)[0], 2), seed=self.seeds)
        with keras.GradientTape() as d_tape, keras.GradientTape() as g_tape:
            fake = self.discriminator(self.generator(noise))
            d_loss = ops.mean(ops.softplus(-self.discriminator(real)) + ops.softplus(fake))
            g_loss = ops.mean(ops.softplus(-fake))
        parts = (self.discriminator, d_tape, d_loss), (self.generator, g_tape, g_loss)
        for part, tape, loss in parts:
            weights = part.trainable_weights
            slopes = tape.gradient(loss, weights)
            for weight, slope in zip(weights, slopes, strict=True):
                weight.assign_sub(self.rate * slope)
        self.tracker.update_state(g_loss)
        return {"g_loss": self.tracker.result()}

    def compile(self, rate, **kwargs):
        super().compile(**kwargs)
        self.rate = self.add_weight(name="rate", trainable=False, initializer="zeros")
        self.rate.assign(rate)


def points(count=48):
    return np.random.default_rng(0).normal(2, 1, (count, 4)).astype("float32")


def pair(rate=0.05, **kwargs):
    model = Pair()
    model.compile(rate, **kwargs)
    return model


def draw(model, count):
    noise = np.random.default_rng(0).normal(size=(count, 2)).astype("float32")
    return model.generator.predict(noise, verbose=0)


@pytest.mark.parametrize("eagerly", [False, True], ids=["compiled", "eagerly"])
def test_fit_builds_a_model_without_a_call(eagerly, tmp_path):
    keras.utils.set_random_seed(0)
    model = pair(run_eagerly=eagerly)
    assert not model.built
    model.fit(points(), batch_size=16, verbose=0)
    assert model.built and model.generator.built
    lines = []
    model.summary(print_fn=lines.append)
    assert "unbuilt" not in "".join(lines)
    path = tmp_path / "pair.weights.h5"
    model.save_weights(path)
    other = pair()
    other.fit(points(), batch_size=16, verbose=0)
    assert not np.array_equal(draw(other, 3), draw(model, 3))
    other.load_weights(path)
    np.testing.assert_array_equal(draw(other, 3), draw(model, 3))


def test_a_model_whose_call_is_not_used_is_built_too(tmp_path):
    class Called(Pair):
        def call(self, noise):
            return self.generator(noise)

    model = Called()
    model.compile(0.05)
    model.fit(points(), batch_size=16, verbose=0)
    assert model.built and model.get_build_config() is None
    model.save_weights(tmp_path / "called.weights.h5")
    noise = np.ones((3, 2), "float32")
    predicted = model.predict(noise, verbose=0)
    np.testing.assert_allclose(predicted, model.generator.predict(noise, verbose=0), rtol=1e-6)
    assert model.get_build_config() == {"input_shape": (3, 2)}  # now it is known


class Pairs(keras_tuner.HyperModel):
    """What is held out is for the score alone: the pair has no loss of its own on it."""

    def build(self, hp):
        keras.utils.set_random_seed(0)
        return pair(hp.Float("rate", 1e-3, 0.3, sampling="log"))

    def fit(self, hp, model, *args, validation_data=None, **kwargs):
        return model.fit(*args, **kwargs)


def test_a_search_over_folds_shares_the_programs(folder):
    misses = []

    def counted(model, count):
        drawn = draw(model, count)
        misses.append(cache_info().misses)
        return drawn

    measure = keras_tuner.FrechetDistance(lambda rows: rows, counted)
    tuner = keras_tuner.RandomSearch(Pairs(), measure, max_trials=3, cv=2, seed=0, **folder)
    tuner.search(points(), epochs=2, batch_size=8, verbose=0)
    trials = list(tuner.oracle.trials.values())
    assert [trial.status for trial in trials] == ["COMPLETED"] * 3
    assert len({trial.score for trial in trials}) == 3
    assert len(misses) == 6
    assert len(set(misses)) == 1, "the first model's programs are those of all"
