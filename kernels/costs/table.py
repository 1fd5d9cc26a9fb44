"""`OPERATIONS` and `TRAFFIC`: formulas by op; an op in neither is counted as an elementwise one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphc.kernels.costs import elementwise, layers, products
from graphc.kernels.registry import TensorSpec

Inputs = tuple[TensorSpec | None, ...]
Formula = Callable[[Inputs, Mapping[str, Any], tuple[TensorSpec, ...]], int]

OPERATIONS: dict[str, Formula] = {**products.OPERATIONS, **layers.OPERATIONS}

# Ops that read or write less than all of their operands and results.
TRAFFIC: dict[str, Formula] = {**layers.TRAFFIC}

# Ops that say how an array is looked at, and move nothing once compiled.
NO_TRAFFIC = frozenset(
    (
        "core.identity",
        "core.stop_gradient",
        "core.bitcast",
        "shape.reshape",
        "shape.expand_dims",
        "shape.squeeze",
        "shape.ravel",
    )
)


def operations(
    op: str, inputs: Inputs, attrs: Mapping[str, Any], results: tuple[TensorSpec, ...]
) -> int:
    """Return the arithmetic operations of one forward run of an op.

    A multiply-add counts as two. A transcendental function counts as the multiply-adds of the
    polynomial that vector units evaluate for it.
    """
    formula = OPERATIONS.get(op)
    if formula is not None:
        return formula(inputs, attrs, results)
    if op in NO_TRAFFIC:
        return 0
    return _largest(inputs, results) * elementwise.WEIGHTS.get(op, 1)


def traffic(
    op: str, inputs: Inputs, attrs: Mapping[str, Any], results: tuple[TensorSpec, ...]
) -> int:
    """Return the bytes that one forward run of an op reads and writes."""
    formula = TRAFFIC.get(op)
    if formula is not None:
        return formula(inputs, attrs, results)
    if op in NO_TRAFFIC:
        return 0
    return sum(_nbytes(spec) for spec in (*inputs, *results) if spec is not None)


def _largest(inputs: Inputs, results: tuple[TensorSpec, ...]) -> int:
    shapes = [spec.shape for spec in (*inputs, *results) if spec is not None]
    return max(map(math.prod, shapes), default=0)


def _nbytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * np.dtype(spec.dtype).itemsize
