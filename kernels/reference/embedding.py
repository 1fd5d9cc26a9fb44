"""Lookup in a table: `nn.embedding`."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

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
