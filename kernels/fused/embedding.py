"""A lookup that marks ids out of range by one row of NaN, not by a test of every element."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.registry import Signature, Target, kernel


def _supports(signature: Signature, target: Target) -> str | None:
    ids, table = signature.inputs[:2]
    if target.platform != "cpu":
        return "pays on CPU only"
    if table is None or ids is None or not table.dtype.startswith(("float", "bfloat")):
        return "the table is not floating"
    if table.shape[0] > math.prod(ids.shape):
        return "copying the table costs more than it saves: it has more rows than are looked up"
    return None


@kernel("nn.embedding", tier="fused", supports=_supports)
def embedding_with_nan_row(ids: ArrayLike, table: ArrayLike) -> Array:
    """The rows of `table` [V, D] at `ids` [...]: [..., D]. Differentiable in reverse mode only."""
    rows, array = jnp.asarray(ids), jnp.asarray(table)
    if not jnp.issubdtype(rows.dtype, jnp.integer):
        rows = rows.astype(jnp.int32)
    size = array.shape[0]
    wrapped = jnp.where(rows < 0, rows + size, rows)
    known = (wrapped >= 0) & (wrapped < size)
    return _take(array, jnp.where(known, wrapped, size).astype(jnp.int32))


@jax.custom_vjp
def _take(table: Array, rows: Array) -> Array:
    unknown = jnp.full((1, *table.shape[1:]), jnp.nan, table.dtype)
    longer = jnp.concatenate([table, unknown])
    return longer.at[rows].get(mode="promise_in_bounds", wrap_negative_indices=False)


def _forward(table: Array, rows: Array) -> tuple[Array, tuple[Array, Array]]:
    return _take(table, rows), (table, rows)


def _backward(residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, None]:
    table, rows = residuals
    gradient = jnp.zeros(table.shape, cotangent.dtype)
    return gradient.at[rows].add(cotangent, mode="drop", wrap_negative_indices=False), None


_take.defvjp(_forward, _backward)
