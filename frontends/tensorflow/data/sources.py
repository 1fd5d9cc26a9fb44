"""What datasets are made of: arrays, generators, and other datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphc.tensorflow.data.elements import leaves_of, map_leaves
from graphc.tensorflow.spec import TensorShape, TensorSpec
from graphc.tensorflow.tensor import TEXT, as_array, dtype_of


def arrays_of(tensors: Any) -> Any:
    """Return the user's arrays, lists and data frames as a structure of arrays of NumPy.

    A list is one array, as in TensorFlow; a dictionary-like of columns is a dictionary.

    Raises:
        ValueError: a list of rows of different lengths, which is no array.
    """
    if hasattr(tensors, "to_dict") and hasattr(tensors, "columns"):  # a data frame is its numbers
        return np.asarray(tensors)
    return map_leaves(_host_array, tensors)


def _host_array(value: Any) -> np.ndarray:
    try:
        array = np.asarray(as_array(value))
    except ValueError as error:
        raise ValueError(
            "Expected arrays, or lists whose rows have equal lengths (`from_generator` takes "
            f"others). Received: {value!r}"[:300]
        ) from error
    return array


def signature_of(types: Any, shapes: Any, signature: Any) -> Any:
    """Return the specs of a generator's elements.

    Args:
        types: a dtype or a structure of them, or None.
        shapes: the shapes in the same structure; None where they are not known.
        signature: the specs themselves, in place of both.

    Raises:
        TypeError: neither types nor a signature, both, or a signature that holds other things.
    """
    if (types is None) == (signature is None):
        raise TypeError(
            "Expected either `output_signature` (tf.TensorSpecs) or `output_types`. "
            f"Received: output_signature={signature!r}, output_types={types!r}"
        )
    if signature is None:
        shapes = map_leaves(lambda _: None, types) if shapes is None else shapes
        return map_leaves(lambda kind, shape: TensorSpec(shape, kind), types, shapes)
    wrong = [one for one in leaves_of(signature) if not isinstance(one, TensorSpec)]
    if wrong:
        raise TypeError(
            f"Expected `output_signature` to hold tf.TensorSpec objects. Received: {wrong[0]!r}"
        )
    return signature


def generated(make: Callable[..., Any], args: tuple[Any, ...], signature: Any) -> Iterator[Any]:
    """Yield what a generator yields, in the dtypes of the signature.

    Raises:
        TypeError: an element of another structure.
        ValueError: an element of a shape or a dtype that the signature does not allow.
    """
    for value in make(*args):
        yield _conformed(value, signature)


def _conformed(value: Any, signature: Any) -> Any:
    if isinstance(signature, tuple) and isinstance(value, list):
        value = tuple(value)
    parts = len(signature) if isinstance(signature, (tuple, Mapping)) else None
    fits = parts is None or (isinstance(value, type(signature)) and len(value) == parts)
    if not fits:
        raise TypeError(
            "`generator` yielded an element that did not match the expected structure. "
            f"Expected: {signature!r}. Received: {value!r}"
        )
    return map_leaves(_conform, signature, value)


def _conform(spec: TensorSpec, value: Any) -> Any:
    array = np.asarray(value)
    texts = array.dtype.kind in TEXT
    if not texts and spec.dtype != "string":
        array = array.astype(np.dtype(str(spec.dtype)), copy=False)
    if texts != (spec.dtype == "string") or not spec.shape.is_compatible_with(array.shape):
        raise ValueError(
            f"`generator` yielded an element of shape {array.shape} and dtype {dtype_of(array)} "
            f"where {spec!r} was expected."
        )
    return array


def merged_spec(first: Any, second: Any) -> Any:
    """Return what two specs have in common: the sizes that differ are not known."""
    return map_leaves(_merge, first, second)


def _merge(first: Any, second: Any) -> Any:
    if not isinstance(first, TensorSpec) or first == second:
        return first
    if first.shape.rank is None or first.shape.rank != second.shape.rank:
        return TensorSpec(None, first.dtype)
    sizes = zip(first.shape, second.shape, strict=True)
    return TensorSpec(TensorShape([a if a == b else None for a, b in sizes]), first.dtype)
