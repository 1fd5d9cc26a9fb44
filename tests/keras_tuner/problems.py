"""A small problem, a builder for it, and a search without models."""

from __future__ import annotations

from graphc import keras, keras_tuner


def build(hp):
    """A classifier of five numbers: the width changes its structure, the rates do not."""
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(hp.Choice("units", [4, 8]), activation="relu"),
            keras.layers.Dropout(hp.Float("rate", 0, 0.5)),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    rate = hp.Float("lr", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    return model


def searching(base):
    """The search `base` of a function of hyperparameters, which it is given as `function`."""

    class Search(base):
        def __init__(self, function, *args, **kwargs):
            self.function = function
            super().__init__(None, *args, **kwargs)

        def run_trial(self, trial, *args, **kwargs):
            return self.function(trial.hyperparameters)

    return Search


Random, Grid, Bayes = map(
    searching,
    (keras_tuner.RandomSearch, keras_tuner.GridSearch, keras_tuner.BayesianOptimization),
)


FIT = {"epochs": 2, "validation_split": 0.25, "batch_size": 16, "verbose": 0}


def parabola(hp):
    return (hp.Float("x", -2, 2) - 1) ** 2 + (hp.Float("y", -2, 2) + 0.5) ** 2


def values(tuner):
    return [trial.hyperparameters.values for trial in tuner.oracle.trials.values()]


def scores(tuner):
    return [trial.score for trial in tuner.oracle.trials.values()]


def fixed_rates():
    hp = keras_tuner.HyperParameters()
    hp.Fixed("rate", 0.1)
    hp.Fixed("lr", 0.01)
    return hp
