"""Elements of datasets: tuples and dictionaries of arrays, and what is done to all their leaves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.tensorflow.spec import TensorShape, TensorSpec
from graphc.tensorflow.tensor import TEXT, as_array


def map_leaves(function: Callable[..., Any], first: Any, *rest: Any) -> Any:
    """Return the structure of `first` with what a function makes of its leaves.

    Args:
        function: takes a leaf of each structure.
        first: tuples (named ones, too) and dictionaries; all else, lists too, is a leaf.
        rest: structures that have the structure of `first`, or more below its leaves.
    """
    if isinstance(first, tuple) and not isinstance(first, TensorShape):
        parts = [map_leaves(function, *items) for items in zip(first, *rest, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else tuple(parts)
    if isinstance(first, Mapping):
        return {key: map_leaves(function, *(one[key] for one in (first, *rest))) for key in first}
    return function(first, *rest)


def leaves_of(structure: Any) -> list[Any]:
    """Return the leaves in order."""
    found: list[Any] = []
    map_leaves(found.append, structure)
    return found


def element_of(value: Any) -> Any:
    """Return what a user's function or generator gave, with arrays as its leaves."""
    return map_leaves(_leaf, value)


def _leaf(value: Any) -> Any:
    # A window of a dataset holds datasets.
    return value if value is None or hasattr(value, "element_spec") else as_array(value)


def stacked(elements: Sequence[Any]) -> Any:
    """Return elements of equal shapes as one with a first axis more: a batch.

    Raises:
        ValueError: the structures or the shapes differ.
    """
    return map_leaves(lambda *leaves: _stack(leaves), *_alike(elements))


def _alike(elements: Sequence[Any]) -> Sequence[Any]:
    forms = [map_leaves(lambda _: 0, element) for element in (elements[0], elements[-1])]
    if forms[0] != forms[1]:
        raise ValueError(
            "Expected elements of one structure in a batch. "
            f"Received: {elements[0]!r} and {elements[-1]!r}"
        )
    return elements


def _stack(leaves: Sequence[Any]) -> Any:
    first = leaves[0]
    if first is None:
        return None
    if any(leaf.shape != first.shape for leaf in leaves):
        other = next(leaf.shape for leaf in leaves if leaf.shape != first.shape)
        raise ValueError(
            "Expected elements of one shape in a batch (`padded_batch` makes one of different "
            f"ones). Received: shapes {tuple(first.shape)} and {tuple(other)}"
        )
    return np.stack([np.asarray(leaf) for leaf in leaves])


def padded(elements: Sequence[Any], shapes: Any, values: Any) -> Any:
    """Return elements as one batch, filled up at the end of every axis.

    Args:
        elements: of one structure, and of equal numbers of dimensions.
        shapes: the size of each axis in the structure of an element, None for the longest;
            None for the longest everywhere.
        values: what fills them up, one for all or in the structure of an element; None for zeros
            and empty strings.

    Raises:
        ValueError: a shape that some leaf does not fit into.
    """
    first = elements[0]
    shapes = map_leaves(lambda _: None, first) if shapes is None else shapes
    if not isinstance(values, (tuple, Mapping)):
        values = map_leaves(lambda _, value=values: value, first)
    return map_leaves(
        lambda _, shape, value, *leaves: _pad(leaves, shape, value),
        first, shapes, values, *_alike(elements),
    )  # fmt: skip


def _pad(leaves: Sequence[Any], shape: Any, value: Any) -> np.ndarray:
    arrays = [np.asarray(leaf) for leaf in leaves]
    first = arrays[0]
    wanted = TensorShape([None] * first.ndim if shape is None else shape)
    if any(array.ndim != len(wanted) for array in arrays):
        raise ValueError(
            f"Expected elements of {len(wanted)} dimensions, to be padded to {wanted}. "
            f"Received: shapes {sorted({array.shape for array in arrays})}"
        )
    longest = [max(sizes) for sizes in zip(*(array.shape for array in arrays), strict=True)]
    sizes = [long if want is None else want for long, want in zip(longest, wanted, strict=True)]
    if any(long > size for long, size in zip(longest, sizes, strict=True)):
        raise ValueError(
            f"Expected elements that fit into padded_shapes={wanted}. "
            f"Received: one of shape {tuple(longest)}"
        )
    texts = first.dtype.kind in TEXT
    fill = ("" if texts else 0) if value is None else np.asarray(value)[()]
    batch = np.full((len(arrays), *sizes), fill, object if texts else first.dtype)
    for row, array in enumerate(arrays):
        batch[(row, *map(slice, array.shape))] = array[()]
    return batch


def row_of(batch: Any, index: int) -> Any:
    """Return one row of a batch: views, not copies."""
    return map_leaves(lambda leaf: None if leaf is None else leaf[index, ...], batch)


def rows_at(arrays: Any, rows: Sequence[int]) -> Any:
    """Return some rows of arrays as a batch: a view where they follow each other."""
    first, last = rows[0], rows[-1] + 1
    together = list(rows) == list(range(first, last))
    index = slice(first, last) if together else np.asarray(rows)
    return map_leaves(lambda leaf: leaf[index], arrays)


def rows_of(batch: Any) -> int:
    """Return how many rows a batch has.

    Raises:
        ValueError: no arrays, or arrays without a first axis or of different lengths.
    """
    shapes = [leaf.shape for leaf in leaves_of(batch) if leaf is not None]
    if not shapes or any(not shape or shape[0] != shapes[0][0] for shape in shapes):
        raise ValueError(
            "Expected arrays with equally many rows along their first axis. "
            f"Received: shapes {', '.join(map(str, shapes)) or 'of nothing'}"
        )
    return shapes[0][0]


def spec_of(element: Any) -> Any:
    """Return the specs of an element's leaves."""
    return map_leaves(_spec, element)


def _spec(leaf: Any) -> Any:
    if leaf is None or hasattr(leaf, "element_spec"):
        return leaf
    return TensorSpec.from_tensor(leaf)


def batch_spec(spec: Any, size: int | None) -> Any:
    """Return the specs of batches of elements of these specs; None for a size that varies."""
    return map_leaves(lambda one: _with_axis(one, size), spec)


def _with_axis(spec: Any, size: int | None) -> Any:
    if not isinstance(spec, TensorSpec):
        return spec
    return TensorSpec(None if spec.shape.rank is None else (size, *spec.shape), spec.dtype)


def row_spec(spec: Any) -> Any:
    """Return the specs of the rows of batches of these specs."""
    return map_leaves(lambda one: one and TensorSpec(_rest(one.shape), one.dtype), spec)


def _rest(shape: TensorShape) -> Any:
    return None if shape.rank is None else shape[1:]
