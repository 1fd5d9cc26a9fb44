"""The three ways Keras clips gradients, as functions of the gradients and a runtime bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Grads = Sequence[jax.Array | None]


def clip_each_norm(grads: Grads, bound: Any) -> list[jax.Array | None]:
    """Scale down each gradient whose Euclidean norm exceeds the bound."""
    return [None if g is None else _clip_norm(g, bound) for g in grads]


def clip_global_norm(grads: Grads, bound: Any) -> list[jax.Array | None]:
    """Scale all gradients alike where their joint norm exceeds the bound; NaN where it is not
    finite.
    """
    squares = [jnp.sum(jnp.square(g)) for g in grads if g is not None]
    norm = jnp.sqrt(jnp.sum(jnp.stack(squares))) if squares else jnp.float32(0)
    scale = bound * jnp.minimum(1.0 / norm, 1.0 / bound) + (norm - norm)
    return [None if g is None else (g * scale).astype(g.dtype) for g in grads]


def clip_each_value(grads: Grads, bound: Any) -> list[jax.Array | None]:
    """Clip every element of every gradient to [-bound, bound]."""
    return [None if g is None else jnp.clip(g, -bound, bound).astype(g.dtype) for g in grads]


CLIPS: Mapping[str, Callable[[Grads, Any], list[jax.Array | None]]] = {
    "clipnorm": clip_each_norm,
    "global_clipnorm": clip_global_norm,
    "clipvalue": clip_each_value,
}


def _clip_norm(grad: jax.Array, bound: Any) -> jax.Array:
    norm = jnp.sqrt(jnp.sum(jnp.square(grad)))
    return (grad * bound / jnp.maximum(norm, bound)).astype(grad.dtype)
