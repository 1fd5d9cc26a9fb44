"""Rows of a table added up one position of all bags at a time, forward and backward.

Neither direction holds the looked-up rows [B, T, D]. Backward, one scatter adds the gradients of B
bags to the rows of one position: XLA's CPU scatter is a serial loop, but over a B x D operand that
stays in the cache, not over B x T x D.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.registry import Signature, Target, kernel

UNROLL = 8  # positions in one turn of the forward loop
MIN_BAGS = 32  # with fewer, a turn of the loop costs more than its additions


def _supports(signature: Signature, target: Target) -> str | None:
    ids, table = signature.inputs[:2]
    if target.platform != "cpu":
        return "pays on CPU only"
    if table is None or table.dtype != "float32":
        return "the table is not float32"
    if ids is None or ids.ndim != 2:
        return "the ids are not [bags, positions]"
    return None


@kernel("nn.embedding_bag", tier="fused", supports=_supports)
def embedding_bag_by_position(
    ids: ArrayLike, table: ArrayLike, mask: ArrayLike | None, *, combiner: str = "sum"
) -> Array:
    """The rows of `table` [V, D] at `ids` [B, T] added up: [B, D]. In reverse mode only."""
    rows, array = jnp.asarray(ids), jnp.asarray(table)
    if not jnp.issubdtype(rows.dtype, jnp.integer):
        rows = rows.astype(jnp.int32)
    size = array.shape[0]
    wrapped = jnp.where(rows < 0, rows + size, rows)
    places = jnp.where((wrapped < 0) | (wrapped >= size), size, wrapped)
    if mask is not None:
        places = jnp.where(jnp.asarray(mask), places, size + 1)
    total: Array = _bags(array, places.astype(jnp.int32), mask is not None)
    return total / rows.shape[1] if combiner == "mean" else total


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _bags(table: Array, places: Array, masked: bool) -> Array:
    """The sums of rows [B, D]: V stands for an unknown id and V + 1, if `masked`, for no row."""
    total = _known_rows(table, places, masked)
    unknown = jnp.any(places == table.shape[0], axis=1, keepdims=True)
    return jnp.where(unknown, jnp.nan, total)


def _known_rows(table: Array, places: Array, masked: bool) -> Array:
    size = table.shape[0]
    safe = jnp.minimum(places, size - 1).T  # [T, B]
    known = (places < size).T[..., None]

    def rows(position: Array | int | slice) -> Array:
        found = table.at[safe[position]].get(mode="promise_in_bounds")
        return jnp.where(known[position], found, 0) if masked else found

    bags, length = places.shape
    if bags < MIN_BAGS:
        return jnp.sum(rows(slice(None)), axis=0)

    def turn(number: Array | int, total: Array) -> Array:
        for position in range(UNROLL):
            total = total + rows(number * UNROLL + position)
        return total

    total = lax.fori_loop(0, length // UNROLL, turn, jnp.zeros((bags, table.shape[1]), table.dtype))
    for position in range(length - length % UNROLL, length):
        total = total + rows(position)
    return total


def _forward(table: Array, places: Array, masked: bool) -> tuple[Array, tuple[Array, Array]]:
    return _bags(table, places, masked), (table, places)


def _backward(masked: bool, residuals: tuple[Array, Array], cotangent: Array) -> tuple[Array, None]:
    del masked
    table, places = residuals
    positions = places.T  # [T, B]
    gradient = jnp.zeros(table.shape, cotangent.dtype)

    def add(total: Array, position: Array) -> Array:
        return total.at[position].add(cotangent, mode="drop", wrap_negative_indices=False)

    if places.shape[0] < MIN_BAGS:
        spread = jnp.broadcast_to(cotangent, (*positions.shape, cotangent.shape[1]))
        return gradient.at[positions].add(spread, mode="drop", wrap_negative_indices=False), None
    return lax.fori_loop(0, len(positions), lambda t, g: add(g, positions[t]), gradient), None


_bags.defvjp(_forward, _backward)
