"""All that a graph computes, gradients too, and whether two results are as good as equal."""

from __future__ import annotations

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from graphc.ir import Graph
from graphc.lower import Arrays, default_target, lower, plan

SMALL = 1e-3  # of a group's largest number: what is smaller may be nothing but rounding
ROUNDINGS = 8  # units in the last place that any result may move

Results = dict[str, tuple[np.ndarray, ...]]


def computed(graph: Graph, *, arrays: tuple[Arrays, Arrays, Arrays], training: bool) -> Results:
    """Return what a graph computes from arrays: outputs, new state, and gradients in training.

    Args:
        graph: compiled here with the kernels of the default target.
        arrays: its params, its state and its inputs.
        training: whether to differentiate the outputs by the params: a loss, or all outputs at
            once, each number with a weight of its own.
    """
    forward = lower(graph, plan(graph, default_target()))

    def scored(params: Any, state: Any, inputs: Any) -> Any:
        outputs, updates = forward(params, state, inputs)
        score = sum(jnp.vdot(_weights(o), o) for o in outputs if _is_float(o))
        return jnp.float32(jnp.real(score)), (outputs, updates)

    def run(params: Any, state: Any, inputs: Any) -> Any:
        if not (training and params):
            return *scored(params, state, inputs)[1], ()
        differentiate: Any = cast("Any", jax).grad(scored, has_aux=True, allow_int=True)
        gradients, results = differentiate(params, state, inputs)
        return *results, tuple(g for g in gradients if _is_float(g))

    compiled: Any = cast("Any", jax).jit(run)
    results = cast("tuple[Arrays, ...]", compiled(*arrays))
    names = ("output", "new state", "gradient")
    return {name: tuple(map(np.asarray, a)) for name, a in zip(names, results, strict=True)}


def _weights(array: Any) -> Any:
    """Return numbers that no symmetry cancels out: the sum of a softmax has no gradient."""
    weights = np.cos(np.arange(int(array.size))).reshape(array.shape)
    return jnp.asarray(weights, array.dtype)  # pyright: ignore[reportUnknownMemberType]


def _is_float(array: Any) -> bool:
    return bool(jnp.issubdtype(array.dtype, jnp.inexact))


def difference(wanted: Results, found: Results, tolerance: float) -> str | None:
    """Return where results differ by more than the tolerance, and by how much, or None."""
    for name, arrays in wanted.items():
        if len(arrays) != len(found[name]):
            return f"{len(found[name])} arrays of {name}, without it {len(arrays)}"
        largest = max((_size(array) for array in arrays), default=0.0)
        for place, (one, other) in enumerate(zip(arrays, found[name], strict=True)):
            why = _between(one, other, tolerance, SMALL * largest)
            if why is not None:
                return f"{name} {place} {why}"
    return None


def _between(one: np.ndarray, other: np.ndarray, tolerance: float, small: float) -> str | None:
    """Return in what two arrays differ, or None."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"is {other.dtype}{list(other.shape)}, without it {one.dtype}{list(one.shape)}"
    if not _is_float(one):
        return None if np.array_equal(one, other) else "differs"
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(other)):
        return "has other places that are not finite"
    apart = float(np.abs(np.where(finite, other, 0) - np.where(finite, one, 0)).max(initial=0))
    share = max(tolerance, ROUNDINGS * _rounding(one))
    if apart <= share * (_size(one) + small):
        return None
    return f"moves by {apart:.3g}, where its largest number is {_size(one):.3g}"


def _size(array: np.ndarray) -> float:
    finite = np.where(np.isfinite(array), array, 0) if _is_float(array) else np.zeros(1)
    return float(np.abs(finite).max(initial=0))


def _rounding(array: np.ndarray) -> float:
    return float(cast("Any", jnp.finfo(array.dtype)).eps)
