"""Cross-entropies with the clipping and renormalisation of Keras: `nn.*_crossentropy`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.convolution import dense
from graphc.kernels.registry import op

EPSILON = 1e-7


@op("nn.binary_crossentropy")
def binary_crossentropy(
    target: ArrayLike, output: ArrayLike, *, from_logits: bool = False, epsilon: float = EPSILON
) -> Array:
    """Elementwise `-(t log p + (1 - t) log(1 - p))`, shaped like both operands.

    Raises:
        ValueError: the shapes differ.
    """
    t, p = jnp.asarray(target), jnp.asarray(output)
    _check_same_shape(t, p)
    if from_logits:
        return -1.0 * t * jax.nn.log_sigmoid(p) - (1.0 - t) * jax.nn.log_sigmoid(-p)
    p = jnp.clip(p, epsilon, 1.0 - epsilon)
    return -(t * jnp.log(p) + (1.0 - t) * jnp.log(1.0 - p))


@op("nn.categorical_crossentropy")
def categorical_crossentropy(
    target: ArrayLike,
    output: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    epsilon: float = EPSILON,
) -> Array:
    """`-sum(t log p)` over the classes on `axis`: [B, ..., C] to [B, ...].

    Raises:
        ValueError: the shapes differ, or are scalars.
    """
    t, p = jnp.asarray(target), jnp.asarray(output)
    _check_same_shape(t, p)
    if t.ndim < 1:
        raise ValueError(
            "`target` and `output` must have at least one axis. "
            f"Received: target.shape={t.shape}, output.shape={p.shape}"
        )
    return -jnp.sum(t * _log_probabilities(p, from_logits, axis, epsilon), axis=axis)


@op("nn.sparse_categorical_crossentropy")
def sparse_categorical_crossentropy(
    target: ArrayLike,
    output: ArrayLike,
    *,
    from_logits: bool = False,
    axis: int = -1,
    epsilon: float = EPSILON,
) -> Array:
    """`-log p[t]` for class indices `target` [B, ...] (or [B, ..., 1]) and `output` [B, ..., C].

    A target that is no class, negative or not below C, costs 0.

    Raises:
        ValueError: the shapes do not match up to the last axis.
    """
    p = jnp.asarray(output)
    t = class_indices(target, p.shape)
    log_p = _log_probabilities(p, from_logits, axis, epsilon)
    return -jnp.sum(jax.nn.one_hot(t, p.shape[axis], axis=axis) * log_p, axis=axis)


@op("nn.linear_crossentropy")
def linear_crossentropy(
    x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None, target: ArrayLike
) -> Array:
    """Sparse cross-entropy of the logits `x @ kernel + bias`, taken in float32 at least: [...].

    `x` [..., D], `kernel` [D, V], `bias` [V], class indices `target` [...] (or [..., 1]). It is an
    op of its own so that a kernel need not hold the logits [..., V].

    Raises:
        ValueError: the shapes of `x` and `target` do not match up to the last axis.
    """
    logits = dense(x, kernel, bias)
    wide = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    return sparse_categorical_crossentropy(target, wide, from_logits=True)


def class_indices(target: ArrayLike, shape: tuple[int, ...]) -> Array:
    """The targets as int32 [B, ...], for outputs of the shape [B, ..., C].

    Raises:
        ValueError: the shapes do not match up to the last axis.
    """
    t = jnp.asarray(target).astype(jnp.int32)
    if t.ndim == len(shape) and t.shape[-1:] == (1,):
        t = jnp.squeeze(t, -1)
    if len(shape) < 1 or t.shape != shape[:-1]:
        raise ValueError(
            "`target` and `output` must have the same shape up to the last axis. "
            f"Received: target.shape={t.shape}, output.shape={shape}"
        )
    return t


def _log_probabilities(output: Array, from_logits: bool, axis: int, epsilon: float) -> Array:
    if from_logits:
        return jax.nn.log_softmax(output, axis=axis)
    normalized = output / jnp.sum(output, axis, keepdims=True)
    return jnp.log(jnp.clip(normalized, epsilon, 1.0 - epsilon))


def _check_same_shape(target: Array, output: Array) -> None:
    if target.shape != output.shape:
        raise ValueError(
            "`target` and `output` must have the same shape. "
            f"Received: target.shape={target.shape}, output.shape={output.shape}"
        )
