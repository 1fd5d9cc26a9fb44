"""What a backward pass keeps of a forward pass: the activations that derivatives are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from graphc.body import bodies_of
from graphc.cost.formulas import FREE, scan_length
from graphc.ir import Node, Value
from graphc.kernels.costs import NO_TRAFFIC
from graphc.spec import nbytes

# Ops whose derivative needs neither operands nor results.
LINEAR = frozenset(
    (
        "math.add", "math.subtract", "math.negative", "core.cast", "reduce.sum", "reduce.mean",
        "nn.average_pool", "core.stop_gradient", "math.greater", "math.greater_equal", "math.less",
        "math.less_equal", "math.equal", "math.not_equal", "math.logical_not", "math.logical_and",
    )
)  # fmt: skip
# Ops whose derivative is a function of their result.
BY_RESULT = frozenset(
    (
        "math.exp", "math.tanh", "math.sqrt", "math.rsqrt", "math.reciprocal", "nn.relu",
        "nn.sigmoid", "nn.softmax", "nn.log_softmax", "nn.elu", "nn.selu", "nn.leaky_relu",
        "nn.relu6",
    )
)  # fmt: skip


def _scores(node: Node) -> int:
    """The shares of attention, float32, where a kernel keeps them."""
    query, key = node.inputs[:2]
    assert query is not None
    assert key is not None
    batch, rows, heads = query.spec.shape[:3]
    return 4 * batch * rows * heads * key.spec.shape[1]


def _mask(node: Node) -> int:
    """Four random bytes for each element that may be dropped."""
    return 4 * math.prod(node.specs[0].shape)


def _gates(node: Node) -> int:
    """The activations of all gates at every step."""
    kernels = [v.spec.shape for v in node.inputs if v is not None and v.spec.ndim == 2]
    x = node.inputs[0]
    assert x is not None
    return 4 * x.spec.shape[0] * x.spec.shape[1] * max((s[-1] for s in kernels), default=0)


INSIDE: dict[str, Callable[[Node], int]] = {
    "nn.attention": _scores,
    "nn.dropout": _mask,
    "nn.lstm": _gates,
    "nn.gru": _gates,
    "nn.simple_rnn": _gates,
    "nn.bidirectional": _gates,
}


def kept_values(nodes: Iterable[Node]) -> set[Value]:
    """Return the activations that the derivatives of these nodes are made of.

    Parameters, state, inputs and constants are there anyway, and do not count.
    """
    return {value for node in nodes for value in _kept(node) if value.node.op not in FREE}


def _kept(node: Node) -> Iterable[Value]:
    if node.op in FREE or node.op in LINEAR or node.op in NO_TRAFFIC:
        return ()
    if node.op.startswith("shape."):
        return ()
    if node.op in BY_RESULT:
        return (Value(node),)
    return tuple(_origin(value) for value in node.inputs if value is not None)


def _origin(value: Value) -> Value:
    """Return the value that this one is another look at."""
    while value.node.op in NO_TRAFFIC and value.node.inputs[0] is not None:
        value = value.node.inputs[0]
    return value


def kept_bytes(nodes: Iterable[Node]) -> int:
    """Return the bytes that a backward pass through these nodes keeps."""
    known = tuple(nodes)
    return bytes_of(kept_values(known)) + sum(map(inside_bytes, known))


def bytes_of(values: Iterable[Value]) -> int:
    """Return the bytes of values."""
    return sum(nbytes(value.spec) for value in values)


def inside_bytes(node: Node) -> int:
    """Return what a node keeps beside its operands and results."""
    if node.op == "core.scan":
        (body,) = bodies_of(node)
        carried = bytes_of(body.graph.inputs[: node.attrs["carries"]])
        return scan_length(node) * (kept_bytes(body.graph.nodes) + carried)
    if node.op in ("core.gradient", "core.remat"):
        return 0  # the one keeps nothing beyond itself, the other on purpose
    formula = INSIDE.get(node.op)
    return 0 if formula is None else formula(node)
