"""Sparse cross-entropy of logits that holds neither a one-hot tensor nor log-probabilities.

With `m` and `n` the maximum and `log(sum(exp(z - m)))` of a row of logits `z`, and class `t`,

    loss = n + (m - z[t])        dz = (exp(z - m - n) - onehot(t)) * dloss

`m` and `n` are kept apart: where logits are large, their sum has rounded away what tells the loss.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.loss import EPSILON, class_indices
from graphc.kernels.registry import Signature, Target, kernel

FLOATS = ("float16", "bfloat16", "float32", "float64")

Kept = tuple[Array, Array, Array, Array]


def _supports(signature: Signature, target: Target) -> str | None:
    del target
    output = signature.inputs[1]
    if not signature.attrs.get("from_logits"):
        return "the output is not logits"
    if output is None or output.dtype not in FLOATS:
        return "the logits are not floating"
    if 0 in output.shape:
        return "there are no logits"
    if signature.attrs.get("axis", -1) not in (-1, output.ndim - 1):
        return "the classes are not on the last axis"
    return None


@kernel("nn.sparse_categorical_crossentropy", tier="fused", supports=_supports)
def sparse_crossentropy_of_logits(
    target: ArrayLike,
    output: ArrayLike,
    *,
    from_logits: bool = True,
    axis: int = -1,
    epsilon: float = EPSILON,
) -> Array:
    """`logsumexp(z) - z[t]` for `target` [B, ...] and `output` [B, ..., C]. In reverse mode only.

    A class whose logit is minus infinity has probability 0, and makes no NaN of the others.
    """
    del from_logits, axis, epsilon
    logits = jnp.asarray(output)
    losses: Array = _losses(logits, class_indices(target, logits.shape))
    return losses.astype(result_dtype(losses.dtype))


def wide_dtype(dtype: Any) -> Any:
    """The dtype that is computed in: float32 for 16-bit floats."""
    return jnp.promote_types(dtype, jnp.float32)


def result_dtype(dtype: Any) -> Any:
    """The dtype of the losses: as in the reference, that of a product with a one-hot tensor."""
    return jnp.promote_types(dtype, jnp.result_type(float))


def losses_of(z: Array, places: Array) -> tuple[Array, Array, Array]:
    """The loss of each row of logits `z` [..., C] at classes [...], and the row's `m` and `n`."""
    highest = jnp.max(z, -1)
    log_total = jnp.log(jnp.sum(jnp.exp(z - highest[..., None]), -1))
    known = _is_class(places, z.shape[-1])
    safe = jnp.where(known, places, 0)[..., None]
    own = jnp.take_along_axis(z, safe, -1, mode="promise_in_bounds")[..., 0]
    return jnp.where(known, log_total + (highest - own), 0), highest, log_total


def slopes_of(z: Array, places: Array, highest: Array, log_total: Array, along: Array) -> Array:
    """The derivative by logits `z` [..., C] of the losses [...], times the cotangent `along`."""
    factor = jnp.where(_is_class(places, z.shape[-1]), along, 0)
    shares = jnp.exp(z - highest[..., None] - log_total[..., None])
    hits = jnp.arange(z.shape[-1]) == places[..., None]
    return (shares - hits) * factor[..., None]


def _is_class(places: Array, count: int) -> Array:
    return (places >= 0) & (places < count)


@jax.custom_vjp
def _losses(logits: Array, places: Array) -> Array:
    return _forward(logits, places)[0]


def _forward(logits: Array, places: Array) -> tuple[Array, Kept]:
    z = logits.astype(wide_dtype(logits.dtype))
    losses, highest, log_total = losses_of(z, places)
    return losses, (logits, places, highest, log_total)


def _backward(kept: Kept, cotangent: Array) -> tuple[Array, None]:
    logits, places, highest, log_total = kept
    z = logits.astype(highest.dtype)
    return slopes_of(z, places, highest, log_total, cotangent).astype(logits.dtype), None


_losses.defvjp(_forward, _backward)
