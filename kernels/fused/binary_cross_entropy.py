"""Binary cross-entropy of logits with one exponential and one logarithm, and none backward.

    loss = max(z, 0) - z t + log(1 + exp(-|z|))        dz = (sigmoid(z) - t) dloss

Derived step by step, both logarithms of the two classes are taken, and differentiated.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.loss import EPSILON
from graphc.kernels.registry import Signature, Target, kernel

Kept = tuple[Array, Array]


def _supports(signature: Signature, target: Target) -> str | None:
    del target
    labels, output = signature.inputs
    if not signature.attrs.get("from_logits"):
        return "the output is not logits"
    if labels is None or output is None or {labels.dtype, output.dtype} != {"float32"}:
        return "labels and logits are not both float32"
    return None


@kernel("nn.binary_crossentropy", tier="fused", supports=_supports)
def binary_crossentropy_of_logits(
    target: ArrayLike, output: ArrayLike, *, from_logits: bool = True, epsilon: float = EPSILON
) -> Array:
    """Losses shaped like both operands. Differentiable in reverse mode only."""
    del from_logits, epsilon
    losses: Array = _losses(jnp.asarray(target), jnp.asarray(output))
    return losses


@jax.custom_vjp
def _losses(t: Array, z: Array) -> Array:
    return jnp.maximum(z, 0) - z * t + jnp.log1p(jnp.exp(-jnp.abs(z)))


def _forward(t: Array, z: Array) -> tuple[Array, Kept]:
    return _losses(t, z), (t, z)


def _backward(kept: Kept, cotangent: Array) -> tuple[Array, Array]:
    t, z = kept
    return -z * cotangent, (jax.nn.sigmoid(z) - t) * cotangent


_losses.defvjp(_forward, _backward)
