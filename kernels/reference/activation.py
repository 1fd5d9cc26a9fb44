"""Activation functions: `nn.relu` to `nn.softmax`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import inexact
from graphc.kernels.reference.table import register_table
from graphc.kernels.registry import op

UNIFORM = {
    "sigmoid": jax.nn.sigmoid, "softplus": jax.nn.softplus, "softsign": jax.nn.soft_sign,
    "silu": jax.nn.silu, "log_sigmoid": jax.nn.log_sigmoid, "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_silu": jax.nn.hard_silu, "selu": jax.nn.selu, "mish": jax.nn.mish,
    "sparse_plus": jax.nn.sparse_plus,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "elu": jax.nn.elu, "celu": jax.nn.celu, "leaky_relu": jax.nn.leaky_relu,
    "gelu": jax.nn.gelu, "glu": jax.nn.glu, "squareplus": jax.nn.squareplus,
    "softmax": jax.nn.softmax, "log_softmax": jax.nn.log_softmax,
}  # fmt: skip

register_table("nn", UNIFORM, convert=inexact)
# These two keep integers as they are.
register_table("nn", {"relu6": jax.nn.relu6, "hard_tanh": jax.nn.hard_tanh})


@op("nn.relu")
def relu(
    x: ArrayLike,
    *,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Array:
    """`x` above `threshold`, `negative_slope * (x - threshold)` below it, at most `max_value`."""
    array = jnp.asarray(x)
    positive = _positive_part(array, max_value, threshold)
    if negative_slope == 0.0:
        return positive
    if max_value is None and threshold == 0.0:
        return jax.nn.leaky_relu(array, negative_slope)
    return positive - negative_slope * jax.nn.relu(threshold - array)


def _positive_part(x: Array, max_value: float | None, threshold: float) -> Array:
    if threshold == 0.0 and max_value == 6:
        return jax.nn.relu6(x)
    part = jax.nn.relu(x) if threshold == 0.0 else jnp.where(x > threshold, x, 0)
    return part if max_value is None else jnp.clip(part, 0, max_value).astype(x.dtype)


@op("nn.prelu")
def prelu(x: ArrayLike, alpha: ArrayLike) -> Array:
    """`x` where positive, `alpha * x` elsewhere; `alpha` broadcasts. Source: arXiv 1502.01852."""
    array = jnp.asarray(x)
    return jax.nn.relu(array) - jnp.asarray(alpha) * jax.nn.relu(-array)


@op("nn.tanh_shrink")
def tanh_shrink(x: ArrayLike) -> Array:
    """`x - tanh(x)`."""
    array = inexact(x)
    return array - jnp.tanh(array)


@op("nn.soft_shrink")
def soft_shrink(x: ArrayLike, *, threshold: float = 0.5) -> Array:
    """`x` moved towards zero by `threshold`, and 0 within it."""
    array = jnp.asarray(x)
    below = jnp.where(array < -threshold, array + threshold, 0.0)
    return jnp.where(array > threshold, array - threshold, below)


@op("nn.hard_shrink")
def hard_shrink(x: ArrayLike, *, threshold: float = 0.5) -> Array:
    """`x`, and 0 wherever `|x| <= threshold`."""
    array = jnp.asarray(x)
    return jnp.where(jnp.abs(array) > threshold, array, 0.0)


@op("nn.threshold")
def threshold_(x: ArrayLike, *, threshold: float, default_value: float) -> Array:
    """`x` where it exceeds `threshold`, `default_value` elsewhere."""
    array = jnp.asarray(x)
    return jnp.where(array > threshold, array, default_value)


@op("nn.sparsemax")
def sparsemax(x: ArrayLike, *, axis: int = -1) -> Array:
    """Keras's sparsemax along `axis`: sparse and non-negative. Source: arXiv 1602.02068.

    With a support of two or more it departs from the paper (whose result sums to 1) as Keras does:
    its threshold adds up running totals where the paper adds up the values themselves.
    """
    logits = jnp.moveaxis(inexact(x), axis, -1)
    descending = -jnp.sort(-logits, axis=-1)
    total = jnp.cumsum(descending, axis=-1)
    rank = jnp.arange(1, logits.shape[-1] + 1)
    support = descending - (total - 1) / rank > 0
    size = jnp.sum(support, axis=-1, keepdims=True)
    tau = (jnp.sum(jnp.where(support, total, 0.0), axis=-1, keepdims=True) - 1) / size
    return jnp.moveaxis(jnp.maximum(logits - tau, 0.0), -1, axis)
