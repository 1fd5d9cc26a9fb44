"""Lookup in a table: `nn.embedding`, and `nn.embedding_bag`, which adds up what it finds."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.reduction import mean
from graphc.kernels.registry import op


@op("nn.embedding")
def embedding(ids: ArrayLike, table: ArrayLike) -> Array:
    """The rows of `table` [V, D] at `ids` [...]: [..., D]; ids of any dtype are cut to integers.

    A negative id counts from the end; one out of range gives NaN.
    """
    rows = jnp.asarray(ids)
    if not jnp.issubdtype(rows.dtype, jnp.integer):
        rows = rows.astype(jnp.int32)
    return jnp.take(jnp.asarray(table), rows, axis=0)


@op("nn.embedding_bag")
def embedding_bag(
    ids: ArrayLike, table: ArrayLike, mask: ArrayLike | None, *, combiner: str = "sum"
) -> Array:
    """The rows of `table` [V, D] at `ids` [..., T], added up over T: [..., D].

    Rows count as 0 where the boolean `mask` [..., T] is false. `combiner` is "sum", or "mean":
    divided by T, whatever the mask. Ids are those of `nn.embedding`.

    Raises:
        ValueError: an unknown combiner.
    """
    if combiner not in ("sum", "mean"):
        raise ValueError(f"Expected the combiner 'sum' or 'mean'. Received: {combiner!r}")
    rows = embedding(ids, table)
    if mask is not None:
        rows = jnp.where(jnp.expand_dims(jnp.asarray(mask), -1), rows, 0)
    return mean(rows, axis=-2) if combiner == "mean" else jnp.sum(rows, axis=-2)
