"""Writing into a tensor at computed places: `shape.scatter*`."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.registry import op

REDUCTIONS = (None, "add", "max", "min", "mul")


@op("shape.scatter")
def scatter(indices: ArrayLike, values: ArrayLike, *, shape: tuple[int, ...]) -> Array:
    """Zeros of `shape` with `values` [N, ...] added at `indices` [N, k]."""
    array = jnp.asarray(values)
    places = tuple(jnp.moveaxis(jnp.asarray(indices), -1, 0))
    return jnp.zeros(shape, array.dtype).at[places].add(array)


@op("shape.scatter_update")
def scatter_update(
    x: ArrayLike, indices: ArrayLike, updates: ArrayLike, *, reduction: str | None = None
) -> Array:
    """`x` with `updates` [N, ...] written, or combined by `reduction`, at `indices` [N, k].

    Raises:
        ValueError: `reduction` is not None, "add", "max", "min" or "mul".
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"`reduction` must be one of {REDUCTIONS}. Received: {reduction!r}")
    array = jnp.asarray(x)
    places = array.at[tuple(jnp.transpose(jnp.asarray(indices)))]
    write = {
        None: places.set,
        "add": places.add,
        "max": places.max,
        "min": places.min,
        "mul": places.multiply,
    }[reduction]
    return write(jnp.asarray(updates).astype(array.dtype))
