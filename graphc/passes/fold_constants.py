"""What depends on constants alone is computed once, while compiling.

Exact: an op is computed here only where its result is the same on every device, because it moves
elements, compares, or is one of the operations that IEEE 754 rounds in one way (which of two zeros
is the larger one is left to XLA). Each is computed by itself, by its reference kernel, on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import jax
import numpy as np

from graphc.builder import Builder
from graphc.ir import Graph, Node, Value
from graphc.kernels.registry import OPS
from graphc.passes.base import Mode, Numerics
from graphc.rewrite import Event, replay
from graphc.spec import nbytes

MAX_BYTES = 1 << 20  # a larger constant is better computed than kept in the program

# Known from their attributes, which take less room than the result.
CREATIONS = ("shape.arange", "shape.eye", "shape.full", "shape.tri")
EXACT = frozenset((
    "core.cast", "core.identity", "core.stop_gradient",
    *(f"shape.{name}" for name in (
        "broadcast_to", "concatenate", "diag", "expand_dims", "flip", "full_like", "getitem",
        "moveaxis", "one_hot", "pad", "ravel", "repeat", "reshape", "roll", "slice", "split",
        "squeeze", "stack", "swapaxes", "take", "take_along_axis", "tile", "transpose", "tril",
        "triu", "unstack",
    )),
    *(f"math.{name}" for name in (
        "abs", "absolute", "add", "bitwise_and", "bitwise_not", "bitwise_or", "bitwise_xor", "ceil",
        "clip", "divide", "equal", "floor", "greater", "greater_equal", "isfinite", "isinf",
        "isnan", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
        "maximum", "minimum", "multiply", "negative", "not_equal", "sign", "sqrt", "square",
        "subtract", "where",
    )),
    *(f"reduce.{name}" for name in ("all", "any", "argmax", "argmin", "max", "min")),
))  # fmt: skip


@dataclass(frozen=True)
class FoldConstants:
    """The pass: all constants of a graph at once."""

    name: str = "fold_constants"
    numerics: Numerics = "exact"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph in which what is known while compiling is a constant."""
        known = _Known()
        events = tuple(
            Event(self.name, node.scope, node.op, known.add(node))
            for node in graph.nodes
            if known.has_operands_of(node)
        )
        if not known.folded:
            return graph, events
        makers = {node: partial(_constants, results) for node, results in known.folded.items()}
        return replay(graph, makers), events


@dataclass
class _Known:
    """What depends on constants alone, as far as it was computed."""

    folded: dict[Node, list[Any]] = field(default_factory=dict[Node, list[Any]])

    def has_operands_of(self, node: Node) -> bool:
        """Return whether all operands are known, and one at least is more than a Python number."""
        given = [value.node for value in node.inputs if value is not None]
        arrays = [one for one in given if one.literal is None]
        return bool(arrays) and all(map(self._has, arrays))

    def _has(self, node: Node) -> bool:
        if node.op in CREATIONS and not node.inputs:
            return nbytes(node.specs[0]) <= MAX_BYTES
        return node in self.folded or node.op == "core.constant"

    def add(self, node: Node) -> str | None:
        """Compute a node; return the reason instead where it is not to be computed here."""
        if node.op not in EXACT:
            return f"the results of {node.op} depend on the device"
        if sum(map(nbytes, node.specs)) > MAX_BYTES:
            return f"the result is larger than {MAX_BYTES} bytes"
        results = _computed(node, [value and self._array(value) for value in node.inputs])
        if any(getattr(result, "weak_type", False) for result in results):
            return "the dtype of the result gives way to others"
        self.folded[node] = [np.asarray(result) for result in results]
        return None

    def _array(self, value: Value) -> Any:
        if value.node in self.folded:
            return self.folded[value.node][value.index]
        if value.node.op in CREATIONS:
            return _computed(value.node, [])[value.index]
        literal = value.node.literal
        return value.node.attrs["value"].array if literal is None else literal


def _computed(node: Node, operands: Sequence[Any]) -> list[Any]:
    """Return the results, also while JAX traces something else."""
    with jax.ensure_compile_time_eval(), jax.default_device(jax.devices("cpu")[0]):
        result = OPS[node.op].reference(*operands, **node.attrs)
    return [*cast("Sequence[Any]", result)] if isinstance(result, (tuple, list)) else [result]


def _constants(
    results: Sequence[Any], builder: Builder, _: dict[Value, Value]
) -> tuple[Value, ...]:
    return tuple(builder.constant(result) for result in results)


FOLD_CONSTANTS = FoldConstants()
