"""Whole numbers of 64 bits on their way to host layers: a compiled program has 32 bits for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.ir import INPUT_OPS, Graph, Node

INT32 = np.iinfo("int32")
HALF = np.int64(32)
# What moves entries and does not look at them; a cast, if it is between whole numbers.
MOVING = frozenset((
    "core.cast", "core.identity", "core.stop_gradient", "shape.broadcast_to", "shape.expand_dims",
    "shape.flip", "shape.getitem", "shape.moveaxis", "shape.ravel", "shape.repeat", "shape.reshape",
    "shape.slice", "shape.split", "shape.squeeze", "shape.swapaxes", "shape.tile",
    "shape.transpose", "shape.unstack",
))  # fmt: skip
JOINING = frozenset(("shape.append", "shape.concatenate", "shape.stack"))


def moved(
    graph: Graph, inputs: Sequence[Any], run: Callable[[Sequence[np.ndarray]], np.ndarray]
) -> np.ndarray | None:
    """Return what a graph makes of whole numbers with all their bits, or None.

    It is None where 32 bits are enough, and where the graph computes with the numbers.

    Args:
        graph: of one output.
        inputs: its inputs.
        run: returns the output for inputs of 32 bits.
    """
    if not any(_is_wide(array) for array in inputs) or not all(map(_moves, graph.nodes)):
        return None
    dtypes = [value.spec.dtype for value in graph.inputs]
    whole = [np.asarray(array).astype("int64") for array in inputs]
    upper, lower = (
        run([(array >> n).astype("uint32").view(d) for array, d in zip(whole, dtypes, strict=True)])
        for n in (HALF, np.int64(0))
    )
    return (upper.view("int32").astype("int64") << HALF) | lower.view("uint32")


def _is_wide(array: Any) -> bool:
    if array.dtype.kind not in "iu" or array.dtype.itemsize < 8 or not array.size:
        return False
    return int(array.min()) < INT32.min or int(array.max()) > INT32.max


def _moves(node: Node) -> bool:
    values = [*node.specs, *(value.spec for value in node.inputs if value is not None)]
    if not all(spec.dtype in ("int32", "uint32") for spec in values):
        return False
    few = len(node.inputs) == 1 and node.op in MOVING
    return few or node.op in INPUT_OPS or node.op in JOINING
