"""Update rules as optax transformations whose hyperparameters are arguments of `update`."""

from graphc.keras.optimizers.rules.adagrad import adadelta, adafactor, adagrad, ftrl
from graphc.keras.optimizers.rules.adam import adam, adamax, lamb, nadam, schedule_free_adamw
from graphc.keras.optimizers.rules.momentum import lion, rmsprop, sgd
from graphc.keras.optimizers.rules.muon import muon

__all__ = [
    "adadelta",
    "adafactor",
    "adagrad",
    "adam",
    "adamax",
    "ftrl",
    "lamb",
    "lion",
    "muon",
    "nadam",
    "rmsprop",
    "schedule_free_adamw",
    "sgd",
]
