"""Shapes and dtypes of tensors, as the whole compiler speaks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.kernels.registry import Target, TensorSpec

__all__ = ["LITERAL_DTYPES", "Target", "TensorSpec", "nbytes", "spec_of"]

LITERAL_DTYPES: dict[type, str] = {bool: "bool", int: "int32", float: "float32"}


def spec_of(value: Any) -> TensorSpec:
    """Return the spec of an array, a `TensorSpec`, or anything with a shape and a dtype."""
    if isinstance(value, TensorSpec):
        return value
    return TensorSpec(tuple(int(size) for size in value.shape), str(np.dtype(value.dtype)))


def nbytes(spec: TensorSpec) -> int:
    """Return the size of a tensor in bytes."""
    return int(np.prod(spec.shape, dtype=np.int64)) * np.dtype(spec.dtype).itemsize
