"""Reading parts of a tensor: NumPy indexing, slices and gathers, under `shape.*`."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.registry import op

# One item of an encoded index: int, None, Ellipsis, ("slice", start, stop, step) or ("array", k),
# which stands for the k-th dynamic operand.
IndexItem = int | bool | EllipsisType | tuple[Any, ...] | None


def decode_index(index: tuple[IndexItem, ...], dynamic: tuple[ArrayLike, ...]) -> tuple[Any, ...]:
    """The NumPy index that a hashable `index` encodes, its arrays taken from `dynamic`.

    Raises:
        ValueError: an item is none of the encodings.
    """
    return tuple(_decode_item(item, dynamic) for item in index)


def _decode_item(item: IndexItem, dynamic: tuple[ArrayLike, ...]) -> Any:
    if not isinstance(item, tuple):
        return item
    if item[0] == "slice":
        return slice(*item[1:])
    if item[0] == "array":
        return jnp.asarray(dynamic[item[1]])
    raise ValueError(
        f"Expected an index item ('slice', start, stop, step) or ('array', k). Received: {item}"
    )


@op("shape.getitem")
def getitem(x: ArrayLike, *dynamic: ArrayLike, index: tuple[IndexItem, ...]) -> Array:
    """`x[index]` with NumPy's meaning; see `IndexItem` for the encoding.

    An index out of range is clamped, as always in JAX.
    """
    return jnp.asarray(x)[decode_index(index, dynamic)]


@op("shape.take")
def take(x: ArrayLike, indices: ArrayLike, *, axis: int | None = None) -> Array:
    """Slices of `x` along `axis` at `indices`; negative ones count from the end.

    An index out of range gives NaN (integers: the smallest value).
    """
    return jnp.take(jnp.asarray(x), jnp.asarray(indices), axis=axis)


@op("shape.take_along_axis")
def take_along_axis(x: ArrayLike, indices: ArrayLike, *, axis: int | None = None) -> Array:
    """Elements of `x` picked along `axis` at `indices`, which match `x` on the other axes."""
    return jnp.take_along_axis(jnp.asarray(x), jnp.asarray(indices), axis=axis)


@op("shape.slice")
def slice_(x: ArrayLike, *, start_indices: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """The block of `x` of this shape at these starts; -1 in `shape` means up to the end.

    A start that would leave `x` is moved back inside it.
    """
    array = jnp.asarray(x)
    sizes = _block_sizes(array, start_indices, shape)
    starts = [
        max(0, min(start + dim * (start < 0), dim - size))
        for start, size, dim in zip(start_indices, sizes, array.shape, strict=True)
    ]
    return lax.slice(array, starts, [a + b for a, b in zip(starts, sizes, strict=True)])


def _block_sizes(array: Array, starts: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    triples = zip(array.shape, starts, shape, strict=True)
    return tuple(dim - start if size == -1 else size for dim, start, size in triples)


@op("shape.slice_dynamic")
def slice_dynamic(x: ArrayLike, *starts: ArrayLike, shape: tuple[int, ...]) -> Array:
    """The block of `x` of this static shape at run-time `starts`, one scalar an axis.

    A start that would leave `x` is moved back inside it.
    """
    return lax.dynamic_slice(jnp.asarray(x), [jnp.asarray(s) for s in starts], shape)


@op("shape.slice_update")
def slice_update(x: ArrayLike, updates: ArrayLike, *starts: ArrayLike) -> Array:
    """`x` with the block at `starts` (one scalar an axis) replaced by `updates`."""
    array = jnp.asarray(x)
    block = jnp.asarray(updates).astype(array.dtype)
    return lax.dynamic_update_slice(array, block, [jnp.asarray(s) for s in starts])


@op("shape.unravel_index")
def unravel_index(indices: ArrayLike, *, shape: tuple[int, ...]) -> tuple[Array, ...]:
    """Flat indices into `shape` as one array of coordinates an axis."""
    return tuple(jnp.unravel_index(jnp.asarray(indices), shape))
