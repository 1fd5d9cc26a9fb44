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
    distribution,
    dtype_policies,
    initializers,
    layers,
    losses,
    metrics,
    mixed_precision,
    models,
    ops,
    optimizers,
    preprocessing,
    quantizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
    visualization,
    wrappers,
)
from graphc.keras.backend.devices import device
from graphc.keras.engine.dtype_policy import DTypePolicy, FloatDTypePolicy
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.name_scope import name_scope
from graphc.keras.engine.operation import Operation
from graphc.keras.engine.remat import RematScope, remat
from graphc.keras.engine.stateless import StatelessScope, SymbolicScope
from graphc.keras.engine.tape import GradientTape
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.variable import Variable
from graphc.keras.initializers import Initializer
from graphc.keras.losses import Loss
from graphc.keras.metrics import Metric
from graphc.keras.models.function import Function
from graphc.keras.models.input_layer import Input
from graphc.keras.models.model import Model
from graphc.keras.models.sequential import Sequential
from graphc.keras.optimizers import Optimizer
from graphc.keras.quantizers import Quantizer
from graphc.keras.regularizers import Regularizer
from graphc.keras.release import __version__, version

__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Function", "GradientTape", "Initializer", "Input",
    "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Operation", "Optimizer",
    "Quantizer", "Regularizer", "RematScope", "Sequential", "StatelessScope", "SymbolicScope",
    "Variable", "__version__", "activations", "backend", "callbacks", "config", "constraints",
    "datasets", "device", "distribution", "dtype_policies", "initializers", "layers", "losses",
    "metrics", "mixed_precision", "models", "name_scope", "ops", "optimizers", "preprocessing",
    "quantizers", "random", "regularizers", "remat", "saving", "tree", "utils", "version",
    "visualization", "wiring", "wrappers",
]  # fmt: skip
