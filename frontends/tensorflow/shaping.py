"""The functions at the top of `tf` about shapes and places: slices, joins, gathers, sorts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.tensorflow.naming import renamed
from graphc.tensorflow.tensor import is_tensor, tensor

broadcast_to = renamed(ops.broadcast_to, input="x")
cast = renamed(ops.cast)
concat = renamed(ops.concatenate, values="xs")
expand_dims = renamed(ops.expand_dims, input="x")
meshgrid = renamed(ops.meshgrid)
rank = renamed(ops.ndim, input="x")
repeat = renamed(ops.repeat, input="x")
reshape = renamed(ops.reshape, tensor="x", shape="newshape")
reverse = renamed(ops.flip, tensor="x")
roll = renamed(ops.roll, input="x")
saturate_cast = renamed(ops.saturate_cast, value="x")
scatter_nd = renamed(ops.scatter, updates="values")
searchsorted = renamed(ops.searchsorted)
size = renamed(ops.size, input="x")
slice = renamed(ops.slice, input_="inputs", begin="start_indices", size="shape")
squeeze = renamed(ops.squeeze, input="x")
stack = renamed(ops.stack, values="x")
stop_gradient = renamed(ops.stop_gradient, input="variable")
tile = renamed(ops.tile, input="x", multiples="repeats")
unstack = renamed(ops.unstack, value="x")
tensor_scatter_nd_update = renamed(ops.scatter_update, tensor="inputs")


def shape(input: Any, out_type: Any = None, name: str | None = None) -> tuple[int | None, ...]:
    """Return the sizes as a tuple; None where a symbolic tensor's is not known."""
    return ops.shape(input)


def identity(input: Any, name: str | None = None) -> Any:
    """Return the tensor itself, or a tensor of what is none."""
    return input if is_tensor(input) else ops.convert_to_tensor(input)


def transpose(a: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """Return the tensor with its axes in the order `perm`, or reversed."""
    found = ops.transpose(a, axes=perm)
    return ops.conj(found) if conjugate else found


def split(
    value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None, name: Any = None
) -> Any:
    """Return so many equal parts along an axis, or parts of the given sizes (one may be -1)."""
    if isinstance(num_or_size_splits, int):
        return ops.split(value, num_or_size_splits, axis=axis)
    sizes = [int(one) for one in num_or_size_splits]
    if -1 in sizes:
        sizes[sizes.index(-1)] = int(ops.shape(value)[axis] or 0) - sum(sizes) - 1
    return ops.split(value, list(itertools.accumulate(sizes))[:-1], axis=axis)


def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: Any = None
) -> Any:
    """Return the tensor with so many elements more before and after each axis.

    Args:
        tensor: a tensor.
        paddings: (before, after) for each axis.
        mode: "CONSTANT", "REFLECT" or "SYMMETRIC".
        constant_values: what fills up.
        name: no effect.
    """
    widths = [[int(one) for one in pair] for pair in paddings]
    if mode.lower() == "constant":
        return ops.pad(tensor, widths, constant_values=constant_values)
    return ops.pad(tensor, widths, mode=mode.lower())


def gather(
    params: Any,
    indices: Any,
    validate_indices: Any = None,
    axis: int | None = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Any:
    """Return the slices of `params` at `indices` along `axis`.

    Args:
        params: a tensor.
        indices: integers of any shape, which takes the place of the axis.
        validate_indices: accepted.
        axis: `batch_dims` where None.
        batch_dims: leading axes that both share, each element of which has its own indices.
        name: no effect.

    Raises:
        ValueError: `batch_dims` with an axis that does not follow them.
    """
    axis = batch_dims if axis is None else axis
    if not batch_dims:
        return ops.take(params, indices, axis=axis)
    if axis != batch_dims:
        raise ValueError(
            "Expected `axis` to be `batch_dims` where there are any. "
            f"Received: axis={axis}, batch_dims={batch_dims}"
        )
    params, indices = ops.convert_to_tensor(params), ops.convert_to_tensor(indices)
    grid = np.indices(indices.shape[:batch_dims])
    more = (..., *[None] * (indices.ndim - batch_dims))
    return params[(*(numbers[more] for numbers in grid), indices)]


def gather_nd(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Any:
    """Return the slices of `params` at `indices` [..., D], which index its first D axes.

    Raises:
        ValueError: `batch_dims` is not 0.
    """
    if batch_dims:
        raise ValueError(f"Expected batch_dims=0. Received: batch_dims={batch_dims}")
    indices = ops.convert_to_tensor(indices)
    return ops.convert_to_tensor(params)[tuple(ops.unstack(indices, axis=-1))]


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any, name: Any = None) -> Any:
    """Return the tensor with `updates` added at `indices` [N, D]."""
    return ops.scatter_update(tensor, indices, updates, reduction="add")


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int = -1,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """Return `on_value` (1) at each index and `off_value` (0) elsewhere along a new axis."""
    found = ops.one_hot(indices, depth, axis=axis, dtype=dtype or "float32")
    if on_value is None and off_value is None:
        return found
    one, zero = 1 if on_value is None else on_value, 0 if off_value is None else off_value
    return ops.cast(ops.where(ops.cast(found, "bool"), one, zero), dtype or "float32")


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Any:
    """Return elements of `x` where the condition holds and of `y` elsewhere.

    Without `x` and `y`, the indices [N, D] of what is true, which needs numbers.
    """
    if x is None:
        return tensor(np.argwhere(np.asarray(condition)))
    return ops.where(condition, x, y)


def boolean_mask(tensor: Any, mask: Any, axis: int | None = None, name: str = "") -> Any:
    """Return the slices whose mask is true, along `axis` on; it needs the mask's numbers."""
    places = np.nonzero(np.asarray(mask))
    before = (np.s_[:],) * (axis or 0)
    return ops.convert_to_tensor(tensor)[(*before, *places)]


def unique(x: Any, out_idx: Any = None, name: str | None = None) -> tuple[Any, Any]:
    """Return the different elements of a vector as they come, and of each its place among them."""
    found, first, inverse = np.unique(np.asarray(x), return_index=True, return_inverse=True)
    order = np.argsort(first)
    return tensor(found[order]), tensor(np.argsort(order)[inverse].astype("int32"))


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: Any = None) -> Any:
    """Return the elements in order along an axis."""
    found = ops.sort(values, axis=axis)
    return ops.flip(found, axis=axis) if _descends(direction) else found


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: Any = None,
) -> Any:
    """Return the indices of the elements in order along an axis."""
    return ops.argsort(ops.negative(values) if _descends(direction) else values, axis=axis)


def _descends(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"Expected `direction` to be 'ASCENDING' or 'DESCENDING'. Received: {direction!r}"
        )
    return direction == "DESCENDING"


def ensure_shape(x: Any, shape: Sequence[int | None], name: str | None = None) -> Any:
    """Return the tensor.

    Raises:
        ValueError: it has another shape; None in `shape` stands for any size.
    """
    sizes = tuple(ops.shape(x))
    same = len(sizes) == len(shape) and all(
        None in (one, other) or one == other for one, other in zip(sizes, shape, strict=True)
    )
    if not same:
        raise ValueError(f"Expected a tensor of shape {tuple(shape)}. Received: shape {sizes}")
    return x
