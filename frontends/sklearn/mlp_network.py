"""The multi-layer perceptron as a Keras model, and the loss that scikit-learn trains it by."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from graphc import keras
from graphc.keras import ops
from graphc.keras.engine.runtime_scalar import runtime_scalar
from graphc.keras.engine.scope import current_trace

ACTIVATIONS = {"identity": "linear", "logistic": "sigmoid", "tanh": "tanh", "relu": "relu"}
# What the output activation of scikit-learn's name is, in Keras and on arrays.
OUTPUTS = {"identity": "linear", "logistic": "sigmoid", "softmax": "softmax", "exp": "exponential"}
TINY = 1e-30
POOLED = 16  # idle networks that are kept


@dataclass(frozen=True)
class Structure:
    """What of an estimator decides which program trains it; the rest are runtime scalars.

    Attributes:
        units: features, units of each hidden layer, outputs.
        activation: of the hidden layers, in scikit-learn's word.
        output: the output activation, in scikit-learn's word.
        solver: "sgd", "adam" or "lbfgs".
        momentum: whether gradient descent has a momentum that is not zero.
        nesterov: whether it looks ahead.
    """

    units: tuple[int, ...]
    activation: str
    output: str
    solver: str
    momentum: bool = False
    nesterov: bool = False


@dataclass(frozen=True)
class Factors:
    """What of an estimator a program reads at run time."""

    alpha: float
    learning_rate: float
    momentum: float
    beta_1: float
    beta_2: float
    epsilon: float


def _log_loss(y: Any, z: Any) -> Any:
    return -ops.sum(y * ops.log_softmax(z, axis=-1), axis=-1)


def _binary_log_loss(y: Any, z: Any) -> Any:
    return ops.sum(ops.softplus(z) - y * z, axis=-1)


def _squared_error(y: Any, z: Any) -> Any:
    squares = ops.square(y - z)
    half = 0.5 * ops.sum(squares, axis=-1)
    if z.shape[-1] == 1:
        return half
    # scikit-learn tells the mean over the outputs, and descends by the gradient of their sum.
    return half + ops.stop_gradient(half / z.shape[-1] - half)


def _poisson(y: Any, z: Any) -> Any:
    constant = y * ops.log(ops.maximum(y, TINY)) - y
    return ops.sum(constant - y * z + ops.exp(z), axis=-1)


# By output activation: the losses of rows [B] from targets [B, K] and raw scores [B, K].
ROW_LOSSES = {
    "softmax": _log_loss,
    "logistic": _binary_log_loss,
    "identity": _squared_error,
    "exp": _poisson,
}


class Network(keras.Model):
    """Dense layers up to raw scores [B, K]; its loss has scikit-learn's penalty.

    The penalty, half of `alpha` times the squares of all kernels, is divided by the rows of the
    batch (by the sum of their weights, where they have weights), as the losses of the rows are.
    """

    def __init__(self, structure: Structure) -> None:
        inputs = values = keras.Input((structure.units[0],))
        for units in structure.units[1:-1]:
            values = _dense(units, ACTIVATIONS[structure.activation])(values)
        super().__init__(inputs, _dense(structure.units[-1], "linear")(values))
        self.structure = structure
        self.alpha = 0.0
        self.compile(_optimizer(structure))

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the weighted mean of the rows' losses with the penalty, a scalar."""
        rows = ROW_LOSSES[self.structure.output](ops.cast(y, y_pred.dtype), y_pred)  # [B]
        weights = _weights_of(rows, sample_weight)  # [B]
        dense: list[Any] = self.layers[1:]
        squares = sum(ops.sum(ops.square(layer.kernel)) for layer in dense)
        penalty = 0.5 * runtime_scalar(self, "alpha") * squares
        return (ops.sum(rows * weights) + penalty) / ops.sum(weights)

    def set_factors(self, factors: Factors) -> None:
        """Take over what is read at run time; nothing is compiled anew."""
        self.alpha = factors.alpha
        self.optimizer.learning_rate = factors.learning_rate
        for name in {"sgd": ("momentum",), "adam": ("beta_1", "beta_2", "epsilon")}.get(
            self.structure.solver, ()
        ):
            setattr(self.optimizer, name, float(getattr(factors, name)))

    def begin(self, coefs: Sequence[Any], intercepts: Sequence[Any], slots: Any = None) -> None:
        """Set the weights, and the optimizer's state to `slots` or to that before any step."""
        self.set_weights([w for pair in zip(coefs, intercepts, strict=True) for w in pair])
        self.optimizer.build(self.trainable_variables)
        held = self._slots
        for variable, value in zip(held, slots or [0] * len(held), strict=True):
            variable.assign(np.broadcast_to(np.asarray(value, variable.dtype), variable.shape))

    def weights_now(self, dtype: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the kernels and the biases, as scikit-learn's `coefs_` and `intercepts_`."""
        arrays = [np.array(array, dtype) for array in self.get_weights()]
        return arrays[0::2], arrays[1::2]

    def slots_now(self) -> list[np.ndarray]:
        """Return the optimizer's state, but the learning rate."""
        return [np.array(variable) for variable in self._slots]

    @property
    def _slots(self) -> list[Any]:
        rate = self.optimizer.learning_rate
        return [variable for variable in self.optimizer.variables if variable is not rate]


def _dense(units: int, activation: str) -> Any:
    zeros = {"kernel_initializer": "zeros", "bias_initializer": "zeros"}  # set before any use
    return keras.layers.Dense(units, activation=activation, **zeros)


def _optimizer(structure: Structure) -> Any:
    if structure.solver == "sgd":
        momentum = 0.9 if structure.momentum else 0.0
        return keras.optimizers.SGD(0.1, momentum=momentum, nesterov=structure.nesterov)
    return keras.optimizers.Adam(0.1)


def _weights_of(rows: Any, sample_weight: Any) -> Any:
    trace = current_trace()
    valid = None if trace is None else trace.valid
    weights = ops.ones_like(rows) if valid is None else valid
    return weights if sample_weight is None else weights * ops.cast(sample_weight, rows.dtype)


def activated(scores: np.ndarray, output: str) -> np.ndarray:
    """Return what the output activation makes of raw scores [N, K]."""
    if output == "softmax":
        return special.softmax(scores, axis=1)
    return {"logistic": special.expit, "exp": np.exp, "identity": np.asarray}[output](scores)


def public_model(structure: Structure, coefs: Sequence[Any], intercepts: Sequence[Any]) -> Any:
    """Return a plain Keras model with these weights that ends in the output activation."""
    layers = [_dense(units, ACTIVATIONS[structure.activation]) for units in structure.units[1:-1]]
    layers.append(_dense(structure.units[-1], OUTPUTS[structure.output]))
    model = keras.Sequential([keras.Input((structure.units[0],)), *layers])
    model.set_weights([w for pair in zip(coefs, intercepts, strict=True) for w in pair])
    return model


class _Pool:
    """Idle networks by structure: building and tracing one takes longer than an epoch of it."""

    def __init__(self) -> None:
        self.idle: list[tuple[Hashable, Network]] = []

    @contextmanager
    def lend(self, structure: Structure, use: Hashable = None) -> Iterator[Network]:
        """Lend a network to one user; one that fails in use is not lent again.

        Args:
            structure: of the network.
            use: equal for users that run it on batches of one form, so that it is traced once.
        """
        network = self._taken((structure, use)) or Network(structure)
        yield network
        self.idle.append(((structure, use), network))
        del self.idle[:-POOLED]

    def _taken(self, key: Hashable) -> Network | None:
        for entry in list(self.idle):
            if entry[0] != key:
                continue
            try:
                self.idle.remove(entry)
            except ValueError:  # another thread has just taken it
                continue
            return entry[1]
        return None


POOL = _Pool()
