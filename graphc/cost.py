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


def _conv_transpose(node: Node) -> int:
    x, kernel = node.inputs[:2]
    assert x is not None
    assert kernel is not None
    return 2 * _size(x.spec.shape) * _size(kernel.spec.shape[:-1])


def _depthwise_conv(node: Node) -> int:
    kernel = node.inputs[1]
    assert kernel is not None
    return 2 * _size(node.specs[0].shape) * _size(kernel.spec.shape[:-2])


def _separable_conv(node: Node) -> int:
    depthwise, pointwise = node.inputs[1:3]
    assert depthwise is not None
    assert pointwise is not None
    mixed, outputs = pointwise.spec.shape[-2:]
    places = _size(node.specs[0].shape) // outputs
    return 2 * places * mixed * (outputs + _size(depthwise.spec.shape[:-2]))


def _recurrent(node: Node) -> int:
    """Two products a step: of its inputs, unless they are projected already, and of its state."""
    x = node.inputs[0]
    assert x is not None
    both = node.op == "nn.bidirectional"
    half = len(node.inputs) // 2
    places = (2, 3, half + 1, half + 2) if both else (1, 2)
    kernels = [node.inputs[place] for place in places]
    sizes = [_size(kernel.spec.shape) for kernel in kernels if kernel is not None]
    return 2 * x.spec.shape[0] * x.spec.shape[1] * sum(sizes)


def _attention(node: Node) -> int:
    query, key = node.inputs[:2]
    assert query is not None
    assert key is not None
    return 4 * _size(query.spec.shape) * key.spec.shape[1]


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


def _body(node: Node) -> int:
    return graph_flops(node.attrs["body"].graph)


def _gradient(node: Node) -> int:
    """Forward, and about twice as much backward."""
    return 3 * _body(node)


def _vectorized_map(node: Node) -> int:
    rows = node.inputs[0]
    assert rows is not None
    return rows.spec.shape[0] * graph_flops(node.attrs["body"].graph)


FLOPS: dict[str, Callable[[Node], int]] = {
    "nn.dense": _dense,
    "core.gradient": _gradient,
    "core.remat": _body,
    "core.scan": _scan,
    "core.switch": _switch,
    "core.vectorized_map": _vectorized_map,
    "nn.attention": _attention,
    "nn.bidirectional": _recurrent,
    "nn.conv": _conv,
    "nn.conv_transpose": _conv_transpose,
    "nn.depthwise_conv": _depthwise_conv,
    "nn.gru": _recurrent,
    "nn.lstm": _recurrent,
    "nn.separable_conv": _separable_conv,
    "nn.simple_rnn": _recurrent,
    "linalg.matmul": _matmul,
}


def flops(node: Node) -> int:
    """Return the floating-point operations of one node's forward computation."""
    return FLOPS.get(node.op, _elementwise)(node)


def graph_flops(graph: Graph) -> int:
    """Return the floating-point operations of one forward run of the graph."""
    return sum(flops(node) for node in graph.nodes)
