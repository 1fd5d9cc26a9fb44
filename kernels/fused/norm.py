"""Normalisations with a hand-written backward pass: two sweeps over the data instead of several.

With `u = (x - mean) / deviation` and `g = dy * gamma`, both kinds have

    dx = (g - mean(g) - u * mean(g * u)) / deviation

where the means are over what was normalised: the features of a row, or all rows of a feature.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.normalization import moments
from graphc.kernels.registry import Signature, Target, kernel

Statistics = tuple[Array, Array, Array]

FEWEST_FEATURES = 64  # of a row from which hand-written sums over it are faster


def _on_last_axis(signature: Signature, target: Target) -> str | None:
    x = signature.inputs[0]
    if target.platform != "cpu":
        return "pays on the CPU only"
    if x is None or x.dtype != "float32":
        return "the numbers are not float32"
    axis = signature.attrs.get("axis", -1)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if [each % x.ndim for each in axes] != [x.ndim - 1]:
        return "the normalised axis is not the last one"
    if signature.attrs.get("rms_scaling"):
        return "rms_scaling is asked for"
    others = [spec.dtype for spec in signature.inputs[1:] if spec is not None]
    return None if set(others) <= {"float32"} else "scale and shift are not float32"


def _on_wide_last_axis(signature: Signature, target: Target) -> str | None:
    reason = _on_last_axis(signature, target)
    x = signature.inputs[0]
    if reason is None and x is not None and x.shape[-1] < FEWEST_FEATURES:
        return f"there are fewer than {FEWEST_FEATURES} features in a row"
    return reason


@kernel("nn.layer_norm", tier="fused", supports=_on_wide_last_axis)
def layer_norm_two_sweeps(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    axis: int | tuple[int, ...] = -1,
    epsilon: float = 1e-3,
    rms_scaling: bool = False,
) -> Array:
    """`x` [..., C] normalised over its last axis, scaled and shifted. In reverse mode only."""
    del axis, rms_scaling
    array = jnp.asarray(x)
    size = array.shape[-1:]
    scale = jnp.ones(size, array.dtype) if gamma is None else jnp.asarray(gamma)
    shift = jnp.zeros(size, array.dtype) if beta is None else jnp.asarray(beta)
    result: Array = _layer_norm(array, scale.reshape(size), shift.reshape(size), epsilon)
    return result


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _layer_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> Array:
    return _layer_forward(x, gamma, beta, epsilon)[0]


def _layer_forward(
    x: Array, gamma: Array, beta: Array, epsilon: float
) -> tuple[Array, tuple[Array, Array, Array, Array]]:
    mean, variance = moments(x, axes=(-1,), keepdims=True)
    inverse = lax.rsqrt(variance + epsilon)
    scale = inverse * gamma
    return x * scale + (beta - mean * scale), (x, mean, inverse, gamma)


def _layer_backward(
    epsilon: float, kept: tuple[Array, Array, Array, Array], dy: Array
) -> Statistics:
    del epsilon
    x, mean, inverse, gamma = kept
    u = (x - mean) * inverse
    g = dy * gamma
    inner = g - jnp.mean(g, -1, keepdims=True) - u * jnp.mean(g * u, -1, keepdims=True)
    rows = tuple(range(x.ndim - 1))
    return inner * inverse, jnp.sum(dy * u, rows), jnp.sum(dy, rows)


_layer_norm.defvjp(_layer_forward, _layer_backward)


@kernel("nn.batch_norm_train", tier="fused", supports=_on_last_axis)
def batch_norm_two_sweeps(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Statistics:
    """`x` [..., C] normalised over all axes but the last: (y, mean [C], variance [C])."""
    del axis
    array = jnp.asarray(x)
    size = array.shape[-1:]
    scale = jnp.ones(size, array.dtype) if gamma is None else jnp.asarray(gamma)
    shift = jnp.zeros(size, array.dtype) if beta is None else jnp.asarray(beta)
    result: Statistics = _batch_norm(array, scale, shift, epsilon)
    return result


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _batch_norm(x: Array, gamma: Array, beta: Array, epsilon: float) -> Statistics:
    return _batch_forward(x, gamma, beta, epsilon)[0]


def _batch_forward(
    x: Array, gamma: Array, beta: Array, epsilon: float
) -> tuple[Statistics, tuple[Array, Array, Array, Array]]:
    mean, variance = moments(x, axes=tuple(range(x.ndim - 1)))
    inverse = lax.rsqrt(variance + epsilon)
    scale = inverse * gamma
    y = x * scale + (beta - mean * scale)
    return (y, mean, variance), (x, mean, inverse, gamma)


def _batch_backward(
    epsilon: float, kept: tuple[Array, Array, Array, Array], cotangents: Any
) -> Statistics:
    """The derivative by x is a sum of dy, x - mean and 1, with weights for each feature."""
    del epsilon
    x, mean, inverse, gamma = kept
    dy, dmean, dvariance = cotangents
    rows = tuple(range(x.ndim - 1))
    count = math.prod(x.shape[:-1])
    dbeta = jnp.sum(dy, rows)
    dgamma = jnp.sum(dy * (x - mean), rows) * inverse
    of_dy = inverse * gamma
    of_x = (2 * dvariance - of_dy * inverse * dgamma) / count
    constant = (dmean - of_dy * dbeta) / count
    return of_dy * dy + of_x * (x - mean) + constant, dgamma, dbeta


_batch_norm.defvjp(_batch_forward, _batch_backward)
