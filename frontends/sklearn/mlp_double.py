"""A network's graph in double precision: what predictions and L-BFGS are computed with.

scikit-learn computes in double precision throughout. Training by epochs does without; but a search
along a line ends early in the noise of single precision, and predictions for some rows of a data
set would differ from those for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from graphc.keras.training.arrays import Rows
from graphc.keras.training.tracer import trace_step
from graphc.lower import default_target, lower, plan
from graphc.programs import PROGRAMS
from graphc.runtime.data import capacity_for
from graphc.sklearn.mlp_network import Network, Structure

AT_ONCE = 8192  # rows that are predicted in one call

Weights = list[np.ndarray]  # a kernel and a bias of each layer in turn


def raw_scores(structure: Structure, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Return the scores [N, K] before the output activation for rows [N, F]."""
    starts = range(0, len(x), AT_ONCE)
    return np.concatenate([_scores(structure, weights, x[at : at + AT_ONCE]) for at in starts])


def _scores(structure: Structure, weights: Weights, x: np.ndarray) -> np.ndarray:
    padded = 1 << (len(x) - 1).bit_length()  # sizes share programs by powers of two
    key = ("sklearn.scores", structure, padded, default_target())
    program = PROGRAMS.get(key, lambda: _forward_program(structure, padded))
    with jax.enable_x64(True):
        found = program(_double(weights), _padded(x, padded))
        return np.asarray(found)[: len(x)]


def value_and_gradient(
    structure: Structure, rows: Rows, alpha: float
) -> Callable[[Weights], tuple[float, Weights]]:
    """Return a function from weights to the loss over all rows and its gradient."""
    capacity = capacity_for(rows.count, 1)  # near-equal counts share a program
    weighted = rows.sample_weight is not None
    key = ("sklearn.gradient", structure, capacity, weighted, default_target())
    program = PROGRAMS.get(key, lambda: _gradient_program(structure, rows, capacity))
    valid = (np.arange(capacity) < rows.count).astype(np.float64)
    leaves = [_padded(leaf, capacity) for leaf in rows.leaves]
    with jax.enable_x64(True):
        data = tuple(map(jax.device_put, (*leaves, valid, np.float64(alpha))))

    def evaluate(weights: Weights) -> tuple[float, Weights]:
        with jax.enable_x64(True):
            value, slopes = program(_double(weights), data)
            return float(value), [np.asarray(slope) for slope in slopes]

    return evaluate


def _forward_program(structure: Structure, rows: int) -> Any:
    x = np.broadcast_to(np.float32(0), (rows, structure.units[0]))
    traced = trace_step(Network(structure), "predict", Rows(x), rows, masked=False)
    graph = traced.step.graph
    forward = lower(graph, plan(graph, default_target()))
    return jax.jit(lambda weights, x: forward(weights, (), (x,))[0][0])


def _gradient_program(structure: Structure, rows: Rows, capacity: int) -> Any:
    single = Rows(*(None if a is None else a.astype(np.float32) for a in rows.structure))
    traced = trace_step(Network(structure), "train", single, capacity, masked=True)
    graph = traced.step.graph
    forward = lower(graph, plan(graph, default_target()))
    state = tuple(np.array(variable.value) for variable in traced.state)

    def loss(weights: Any, inputs: Any) -> Any:
        return forward(weights, state, inputs)[0][0]

    return jax.jit(jax.value_and_grad(loss))


def _double(weights: Weights) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(weight, np.float64) for weight in weights)


def _padded(leaf: np.ndarray, rows: int) -> np.ndarray:
    rest = np.broadcast_to(leaf[:1], (rows - leaf.shape[0], *leaf.shape[1:]))
    return np.concatenate([leaf, rest]).astype(np.float64)
