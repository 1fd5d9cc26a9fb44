"""Ops that rearrange elements without changing them: `shape.*`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.table import register_table
from graphc.kernels.registry import op

UNIFORM = {
    "expand_dims": jnp.expand_dims, "squeeze": jnp.squeeze, "swapaxes": jnp.swapaxes,
    "moveaxis": jnp.moveaxis, "flip": jnp.flip, "roll": jnp.roll, "rot90": jnp.rot90,
    "ravel": jnp.ravel, "diagonal": jnp.diagonal, "diag": jnp.diag, "diagflat": jnp.diagflat,
    "tril": jnp.tril, "triu": jnp.triu, "diff": jnp.diff, "append": jnp.append,
    "meshgrid": jnp.meshgrid,
}  # fmt: skip

register_table("shape", UNIFORM)


@op("shape.reshape")
def reshape(x: ArrayLike, *, newshape: tuple[int, ...]) -> Array:
    """`x` in row-major order as `newshape`, in which one dimension may be -1."""
    return jnp.reshape(jnp.asarray(x), newshape)


@op("shape.transpose")
def transpose(x: ArrayLike, *, axes: tuple[int, ...] | None = None) -> Array:
    """`x` with its axes permuted; None reverses them."""
    return jnp.transpose(jnp.asarray(x), axes)


@op("shape.broadcast_to")
def broadcast_to(x: ArrayLike, *, shape: tuple[int, ...]) -> Array:
    """`x` repeated along missing and unit axes to `shape`."""
    return jnp.broadcast_to(jnp.asarray(x), shape)


@op("shape.concatenate")
def concatenate(*xs: ArrayLike, axis: int = 0) -> Array:
    """The operands joined along an existing axis."""
    return jnp.concatenate([jnp.asarray(x) for x in xs], axis=axis)


@op("shape.stack")
def stack(*xs: ArrayLike, axis: int = 0) -> Array:
    """The operands, all of one shape, joined along a new axis."""
    return jnp.stack([jnp.asarray(x) for x in xs], axis=axis)


@op("shape.split")
def split(x: ArrayLike, *, sections: int | tuple[int, ...], axis: int = 0) -> tuple[Array, ...]:
    """`x` cut along `axis` into `sections` equal parts, or before each index of a tuple."""
    where = sections if isinstance(sections, int) else list(sections)
    return tuple(jnp.split(jnp.asarray(x), where, axis=axis))


@op("shape.array_split")
def array_split(x: ArrayLike, *, sections: int, axis: int = 0) -> tuple[Array, ...]:
    """`x` cut along `axis` into `sections` parts; the first ones are longer if it is not even."""
    return tuple(jnp.array_split(jnp.asarray(x), sections, axis=axis))


@op("shape.unstack")
def unstack(x: ArrayLike, *, axis: int = 0) -> tuple[Array, ...]:
    """The slices of `x` along `axis`, that axis removed."""
    array = jnp.asarray(x)
    indices = range(array.shape[axis])
    return tuple(lax.index_in_dim(array, i, axis, keepdims=False) for i in indices)


@op("shape.tile")
def tile(x: ArrayLike, *, repeats: int | tuple[int, ...]) -> Array:
    """`x` laid side by side `repeats` times along each axis."""
    return jnp.tile(jnp.asarray(x), repeats)


@op("shape.repeat")
def repeat(x: ArrayLike, *, repeats: int | tuple[int, ...], axis: int | None = None) -> Array:
    """Each element (or slice along `axis`) of `x` repeated in place; None flattens first."""
    counts = repeats if isinstance(repeats, int) else np.asarray(repeats)
    return jnp.repeat(jnp.asarray(x), counts, axis=axis)


@op("shape.pad")
def pad(
    x: ArrayLike,
    *,
    pad_width: int | tuple[int, ...] | tuple[tuple[int, int], ...],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Array:
    """`x` with `(before, after)` elements added along each axis, in a mode of `numpy.pad`.

    Raises:
        ValueError: `constant_values` is given with another mode than "constant".
    """
    if constant_values is None:
        return jnp.pad(jnp.asarray(x), pad_width, mode=mode)
    if mode != "constant":
        raise ValueError(
            "`constant_values` can only be given when `mode` is 'constant'. "
            f"Received: mode={mode!r}"
        )
    return jnp.pad(jnp.asarray(x), pad_width, mode=mode, constant_values=constant_values)


@op("shape.depth_to_space")
def depth_to_space(x: ArrayLike, *, block_size: int, data_format: str = "channels_last") -> Array:
    """Channels moved into blocks of pixels: [B, H, W, C] to [B, H*b, W*b, C/b^2]."""
    array, block = jnp.asarray(x), block_size
    if data_format == "channels_last":
        n, h, w, c = array.shape
        depth = c // block**2
        split_ = array.reshape(n, h, w, block, block, depth)
        return split_.transpose(0, 1, 3, 2, 4, 5).reshape(n, h * block, w * block, depth)
    n, c, h, w = array.shape
    depth = c // block**2
    split_ = array.reshape(n, depth, block, block, h, w)
    return split_.transpose(0, 1, 4, 2, 5, 3).reshape(n, depth, h * block, w * block)


@op("shape.space_to_depth")
def space_to_depth(x: ArrayLike, *, block_size: int, data_format: str = "channels_last") -> Array:
    """Blocks of pixels moved into channels: [B, H, W, C] to [B, H/b, W/b, C*b^2]."""
    array, block = jnp.asarray(x), block_size
    if data_format == "channels_last":
        n, h, w, c = array.shape
        split_ = array.reshape(n, h // block, block, w // block, block, c)
        moved = split_.transpose(0, 1, 3, 2, 4, 5)
        return moved.reshape(n, h // block, w // block, c * block**2)
    n, c, h, w = array.shape
    split_ = array.reshape(n, c, h // block, block, w // block, block)
    moved = split_.transpose(0, 1, 3, 5, 2, 4)
    return moved.reshape(n, c * block**2, h // block, w // block)
