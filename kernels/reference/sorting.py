"""Order and search: `shape.sort`, `shape.top_k` and their kin."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.registry import op


@op("shape.sort")
def sort(x: ArrayLike, *, axis: int | None = -1) -> Array:
    """`x` in ascending order along `axis`; None sorts the flattened `x`."""
    return jnp.sort(jnp.asarray(x), axis=axis)


@op("shape.argsort")
def argsort(x: ArrayLike, *, axis: int | None = -1) -> Array:
    """The indices (int32) that sort `x` along `axis`, stable."""
    array = jnp.asarray(x)
    return jnp.argsort(array, axis=None if array.ndim == 0 else axis)


@op("shape.argpartition")
def argpartition(x: ArrayLike, *, kth: int, axis: int | None = -1) -> Array:
    """Indices that put the `kth` smallest element in its sorted place, smaller ones before it."""
    array = jnp.asarray(x)
    if axis is None:
        return jnp.argpartition(array.reshape(-1), kth, axis=0)
    return jnp.argpartition(array, kth, axis=axis)


@op("shape.top_k")
def top_k(x: ArrayLike, *, k: int, sorted: bool = True) -> tuple[Array, Array]:
    """The `k` largest values along the last axis, in descending order, and their indices."""
    del sorted  # without it the order is unspecified, so the sorted one serves
    values, indices = lax.top_k(jnp.asarray(x), k)
    return values, indices


@op("shape.searchsorted")
def searchsorted(sequence: ArrayLike, values: ArrayLike, *, side: str = "left") -> Array:
    """Where each of `values` would be inserted in the sorted `sequence` [N]."""
    return jnp.searchsorted(jnp.asarray(sequence), jnp.asarray(values), side=side)


@op("shape.digitize")
def digitize(x: ArrayLike, bins: ArrayLike) -> Array:
    """The index of the bin, between increasing edges `bins`, that each element falls in."""
    return jnp.digitize(jnp.asarray(x), jnp.asarray(bins))


@op("shape.isin")
def isin(
    x: ArrayLike, values: ArrayLike, *, assume_unique: bool = False, invert: bool = False
) -> Array:
    """Whether each element of `x` occurs in `values` (does not, if `invert`)."""
    return jnp.isin(x, values, assume_unique=assume_unique, invert=invert)


@op("shape.unique")
def unique(
    x: ArrayLike,
    *,
    axis: int | None = None,
    size: int | None = None,
    fill_value: float | None = None,
) -> tuple[Array, Array, Array, Array]:
    """The sorted distinct values, their first indices, the inverse and the counts.

    Under a trace the static `size` is needed; missing entries hold `fill_value`.
    """
    return tuple(
        jnp.unique(
            jnp.asarray(x),
            return_index=True,
            return_inverse=True,
            return_counts=True,
            axis=axis,
            equal_nan=False,
            size=size,
            fill_value=fill_value,
        )
    )
