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
