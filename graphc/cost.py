"""Arithmetic counted from the graph: what the choice of the loop's form rests on."""

from __future__ import annotations

import math
from collections.abc import Callable

from graphc.ir import Graph, Node


def _size(shape: tuple[int, ...]) -> int:
    return math.prod(shape)


def _dense(node: Node) -> int:
    kernel = node.inputs[1]
    assert kernel is not None
    return 2 * _size(node.specs[0].shape) * kernel.spec.shape[0]


def _conv(node: Node) -> int:
    kernel = node.inputs[1]
    assert kernel is not None
    return 2 * _size(node.specs[0].shape) * _size(kernel.spec.shape[:-1])


def _matmul(node: Node) -> int:
    left = node.inputs[0]
    assert left is not None
    return 2 * _size(node.specs[0].shape) * left.spec.shape[-1]


def _elementwise(node: Node) -> int:
    operands = [_size(value.spec.shape) for value in node.inputs if value is not None]
    return max([*operands, *(_size(spec.shape) for spec in node.specs)], default=0)


def _scan(node: Node) -> int:
    """Each step runs the body; without sequences `length` tells how many there are."""
    carries: int = node.attrs["carries"]
    first = node.inputs[carries] if node.attrs["sequences"] else None
    steps: int = node.attrs["length"] if first is None else first.spec.shape[0]
    return steps * graph_flops(node.attrs["body"].graph)


def _switch(node: Node) -> int:
    return max(graph_flops(branch.graph) for branch in node.attrs["branches"])


def _vectorized_map(node: Node) -> int:
    rows = node.inputs[0]
    assert rows is not None
    return rows.spec.shape[0] * graph_flops(node.attrs["body"].graph)


FLOPS: dict[str, Callable[[Node], int]] = {
    "nn.dense": _dense,
    "core.scan": _scan,
    "core.switch": _switch,
    "core.vectorized_map": _vectorized_map,
    "nn.conv": _conv,
    "linalg.matmul": _matmul,
}


def flops(node: Node) -> int:
    """Return the floating-point operations of one node's forward computation."""
    return FLOPS.get(node.op, _elementwise)(node)


def graph_flops(graph: Graph) -> int:
    """Return the floating-point operations of one forward run of the graph."""
    return sum(flops(node) for node in graph.nodes)
