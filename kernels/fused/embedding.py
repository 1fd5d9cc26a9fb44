"""Embedding whose gradient adds row by row of the batch, so that the table stays in the cache."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.embedding import embedding
from graphc.kernels.registry import Signature, Target, kernel

LEAST_LOOKUPS = 4096  # below it one scatter costs less than a loop


def _supports(signature: Signature, target: Target) -> str | None:
    ids = signature.inputs[0]
    if target.platform != "cpu":
        return "pays on CPU only"
    if ids is None or ids.ndim != 2:
        return "the ids are not [batch, time]"
    if not ids.dtype.startswith(("int", "uint")):
        return "the ids are not integers"
    if math.prod(ids.shape) < LEAST_LOOKUPS:
        return f"fewer than {LEAST_LOOKUPS} lookups"
    return None


@kernel("nn.embedding", tier="fused", supports=_supports)
@jax.custom_vjp
def embedding_rows(ids: ArrayLike, table: ArrayLike) -> Array:
    """The rows of `table` [V, D] at `ids` [B, T]: [B, T, D]."""
    return embedding(ids, table)


def _forward(ids: Array, table: Array) -> tuple[Array, tuple[Array, Array]]:
    return embedding(ids, table), (ids, table)


def _backward(residuals: tuple[Array, Array], cotangent: Array) -> tuple[np.ndarray, Array]:
    ids, table = residuals

    def add(row: Array, total: Array) -> Array:
        return total.at[ids[row]].add(cotangent[row], mode="drop")

    total = jnp.zeros(table.shape, cotangent.dtype)
    gradient = lax.fori_loop(0, ids.shape[0], add, total)
    return np.zeros(ids.shape, jax.dtypes.float0), gradient.astype(table.dtype)


embedding_rows.defvjp(_forward, _backward)
