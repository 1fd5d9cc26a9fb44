"""Keras 3's public API over the graphc compiler: `from graphc import keras`."""

# isort: off
from graphc.keras import wiring

# isort: on
from graphc.keras import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    preprocessing,
    random,
    regularizers,
    saving,
    utils,
)
from graphc.keras.engine.dtype_policy import DTypePolicy
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.operation import Operation
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.variable import Variable
from graphc.keras.initializers import Initializer
from graphc.keras.losses import Loss
from graphc.keras.metrics import Metric
from graphc.keras.models.input_layer import Input
from graphc.keras.models.model import Model
from graphc.keras.models.sequential import Sequential
from graphc.keras.optimizers import Optimizer
from graphc.keras.regularizers import Regularizer

__version__ = "3.15.1"  # the version of Keras whose API this is

__all__ = [
    "DTypePolicy", "Initializer", "Input", "InputSpec", "KerasTensor", "Layer", "Loss", "Metric",
    "Model", "Operation", "Optimizer", "Regularizer", "Sequential", "Variable", "activations",
    "backend", "callbacks", "config", "constraints", "datasets", "initializers", "layers", "losses",
    "metrics", "models", "ops", "optimizers", "preprocessing", "random", "regularizers", "saving",
    "utils", "wiring",
]  # fmt: skip
