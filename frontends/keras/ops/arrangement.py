"""The functions of `keras.ops` that rearrange, join, cut and look up elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.operation import OpOperation, record_call
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.ops.core import convert_to_tensor
from graphc.keras.ops.core import ndim as rank_of
from graphc.keras.ops.uniform import attribute, operand, uniform

append = uniform("shape.append", "x1, x2; axis=None")
argpartition = uniform("shape.argpartition", "x; kth, axis=-1")
argsort = uniform("shape.argsort", "x; axis=-1")
broadcast_to = uniform("shape.broadcast_to", "x; shape")
depth_to_space = uniform("shape.depth_to_space", "x; block_size, data_format='channels_last'")
diag = uniform("shape.diag", "x; k=0")
diagflat = uniform("shape.diagflat", "x; k=0")
diagonal = uniform("shape.diagonal", "x; offset=0, axis1=0, axis2=1")
diff = uniform("shape.diff", "a; n=1, axis=-1")
digitize = uniform("shape.digitize", "x, bins")
expand_dims = uniform("shape.expand_dims", "x; axis")
flip = uniform("shape.flip", "x; axis=None")
isin = uniform("shape.isin", "x1, x2; assume_unique=False, invert=False")
moveaxis = uniform("shape.moveaxis", "x; source, destination")
pad = uniform("shape.pad", "x; pad_width, mode='constant', constant_values=None")
ravel = uniform("shape.ravel", "x")
repeat = uniform("shape.repeat", "x; repeats, axis=None")
roll = uniform("shape.roll", "x; shift, axis=None")
searchsorted = uniform("shape.searchsorted", "sorted_sequence, values; side='left'")
sort = uniform("shape.sort", "x; axis=-1")
space_to_depth = uniform("shape.space_to_depth", "x; block_size, data_format='channels_last'")
squeeze = uniform("shape.squeeze", "x; axis=None")
swapaxes = uniform("shape.swapaxes", "x; axis1, axis2")
take = uniform("shape.take", "x, indices; axis=None")
take_along_axis = uniform("shape.take_along_axis", "x, indices; axis=None")
tile = uniform("shape.tile", "x; repeats")
top_k = uniform("shape.top_k", "x; k, sorted=True")
transpose = uniform("shape.transpose", "x; axes=None")
tril = uniform("shape.tril", "x; k=0")
triu = uniform("shape.triu", "x; k=0")
unravel_index = uniform("shape.unravel_index", "indices; shape")


def reshape(x: Any, newshape: Any) -> Any:
    """Return `x` in another shape, in which one size may be -1 (or None, with the same meaning)."""
    sizes = attribute("newshape", newshape)
    sizes = (sizes,) if isinstance(sizes, int) else sizes
    sizes = tuple(-1 if size is None else size for size in sizes)
    if isinstance(x, KerasTensor) and None in x.shape and -1 not in sizes:
        # Which batch fits is not known before there is one.
        operation = OpOperation("shape.reshape", {"newshape": sizes}, apply)
        return record_call(operation, (x,), {}, KerasTensor(sizes, x.dtype))
    return apply("shape.reshape", operand(x), newshape=sizes)


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Return the tensors joined along an existing axis."""
    return apply("shape.concatenate", *(operand(x) for x in xs), axis=axis)


def stack(x: Sequence[Any], axis: int = 0) -> Any:
    """Return the tensors, all of one shape, joined along a new axis."""
    return apply("shape.stack", *(operand(item) for item in x), axis=axis)


def hstack(xs: Sequence[Any]) -> Any:
    """Return the tensors joined along axis 1, or along axis 0 if they are vectors."""
    tensors = [_at_least(x, 1) for x in xs]
    return concatenate(tensors, axis=0 if rank_of(tensors[0]) == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """Return the tensors joined along axis 0; vectors count as rows."""
    return concatenate([_at_least(x, 2) for x in xs], axis=0)


def dstack(xs: Sequence[Any]) -> Any:
    """Return the tensors joined along axis 2; matrices and vectors get a last axis of size 1."""
    tensors = [_at_least(x, 2) for x in xs]
    tensors = [expand_dims(x, -1) if rank_of(x) == 2 else x for x in tensors]
    return concatenate(tensors, axis=2)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return `x` cut along `axis` into equal parts, or before each of several indices."""
    sections = attribute("sections", indices_or_sections)
    return list(apply("shape.split", operand(x), sections=sections, axis=axis))


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Return `x` cut along `axis` into parts that may differ by one in length."""
    sections = attribute("sections", indices_or_sections)
    return list(apply("shape.array_split", operand(x), sections=sections, axis=axis))


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return `x` cut along axis 1, or along axis 0 if it is a vector."""
    return split(x, indices_or_sections, axis=0 if rank_of(x) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return `x` cut along axis 0."""
    return split(x, indices_or_sections, axis=0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Return `x` cut along axis 2."""
    return split(x, indices_or_sections, axis=2)


def fliplr(x: Any) -> Any:
    """Return `x` reversed along axis 1."""
    return flip(x, axis=1)


def flipud(x: Any) -> Any:
    """Return `x` reversed along axis 0."""
    return flip(x, axis=0)


def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> Any:
    """Return the tensor with its axes split, permuted and merged as an einops pattern says.

    `axes_lengths` gives the sizes of split axes: `rearrange(x, "b (h s) c -> b s (h c)", s=2)`.

    Raises:
        ValueError: the two sides name different axes, or the sizes do not fit.
    """
    lengths = tuple(sorted((name, int(size)) for name, size in axes_lengths.items()))
    return apply("shape.rearrange", operand(tensor), pattern=pattern, lengths=lengths)


def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Return `array` turned by 90 degrees `k` times, from the first axis to the second."""
    return apply("shape.rot90", operand(array), k=k, axes=tuple(axes))


def meshgrid(*x: Any, indexing: str = "xy") -> list[Any]:
    """Return the coordinate tensors of the grid that the vectors span."""
    return list(apply("shape.meshgrid", *(operand(item) for item in x), indexing=indexing))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return elements of `x1` where the condition holds, of `x2` elsewhere.

    With the condition alone: the indices where it holds, as `nonzero`.

    Raises:
        ValueError: only one of `x1` and `x2` is given.
    """
    if x1 is None and x2 is None:
        return nonzero(condition)
    if x1 is None or x2 is None:
        raise ValueError("`x1` and `x2` must both be tensors or both be None. Received: one None")
    return apply("math.where", operand(condition), operand(x1), operand(x2))


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """Return, elementwise, the choice of the first condition that holds, else the default."""
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = where(condition, choice, result)
    return result


def nonzero(x: Any) -> tuple[Any, ...]:
    """Return the indices of the elements that are not zero, by axis; outside traces only."""
    return tuple(
        jnp.asarray(axis, "int32") for axis in np.nonzero(np.asarray(convert_to_tensor(x)))
    )


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the distinct elements in order and, as asked, indices, inverse and counts.

    Inside a trace `size` must be given.
    """
    del sorted  # they always are
    found = apply("shape.unique", operand(x), axis=axis, size=size, fill_value=fill_value)
    asked = (True, return_index, return_inverse, return_counts)
    chosen = [part for part, wanted in zip(found, asked, strict=True) if wanted]
    return tuple(chosen) if len(chosen) > 1 else chosen[0]


def _at_least(x: Any, rank: int) -> Any:
    x = convert_to_tensor(x)
    while rank_of(x) < rank:
        x = expand_dims(x, 0)
    return x
