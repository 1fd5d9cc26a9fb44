"""Recurrent layers, pooling, normalisation and lookups."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.kernels.registry import TensorSpec

Inputs = tuple[TensorSpec | None, ...]
Attrs = Mapping[str, Any]
Results = tuple[TensorSpec, ...]

REARRANGING = (
    "getitem", "slice", "take", "broadcast_to", "transpose", "swapaxes", "moveaxis", "tile",
    "concatenate", "stack", "split", "flip", "pad", "one_hot",
)  # fmt: skip
GATE = 30  # operations of a gate's activation and its part in the new state


def _shape(inputs: Inputs, place: int) -> tuple[int, ...]:
    spec = inputs[place]
    assert spec is not None
    return spec.shape


def _recurrent(inputs: Inputs, kernels: tuple[int, ...]) -> int:
    """Two products a step: of its inputs, unless they are projected already, and of its state."""
    batch, steps = _shape(inputs, 0)[:2]
    found = [spec.shape for place in kernels if (spec := inputs[place]) is not None]
    gates = sum(shape[-1] for shape in found)
    return batch * steps * (2 * sum(map(math.prod, found)) + GATE * gates)


def recurrent(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """One direction."""
    return _recurrent(inputs, (1, 2))


def bidirectional(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Both directions, each with its kernels."""
    half = len(inputs) // 2
    return _recurrent(inputs, (2, 3, half + 1, half + 2))


def pool(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """Each result looks at its window."""
    size = attrs.get("pool_size", 2)
    window = size ** (results[0].ndim - 2) if isinstance(size, int) else math.prod(size)
    return math.prod(results[0].shape) * window


def normalized(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """A mean, a variance, a scale and a shift."""
    return 8 * math.prod(_shape(inputs, 0))


def _nbytes(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * np.dtype(spec.dtype).itemsize


def added_up(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """An addition for every element of every row that is looked up."""
    return math.prod(_shape(inputs, 0)) * results[0].shape[-1]


def looked_up(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """The rows that are asked for, not the table."""
    return 2 * _nbytes(results[0]) + sum(_nbytes(s) for s in inputs[:1] if s is not None)


def looked_up_and_added(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """The rows that are asked for, each read once, and their sums."""
    table = inputs[1]
    assert table is not None
    rows = added_up(inputs, attrs, results) * np.dtype(table.dtype).itemsize
    return rows + sum(_nbytes(s) for s in (inputs[0], *inputs[2:], *results) if s is not None)


def rewritten(inputs: Inputs, attrs: Attrs, results: Results) -> int:
    """As much is read as is written: the part of an array, or an array in another order."""
    return 2 * sum(map(_nbytes, results))


OPERATIONS = {
    "nn.simple_rnn": recurrent,
    "nn.gru": recurrent,
    "nn.lstm": recurrent,
    "nn.bidirectional": bidirectional,
    "nn.embedding_bag": added_up,
    "nn.max_pool": pool,
    "nn.average_pool": pool,
    "nn.layer_norm": normalized,
    "nn.rms_norm": normalized,
    "nn.group_norm": normalized,
    "nn.batch_norm_train": normalized,
}

TRAFFIC = {
    "nn.embedding": looked_up,
    "nn.embedding_bag": looked_up_and_added,
    **dict.fromkeys((f"shape.{name}" for name in REARRANGING), rewritten),
}
