"""Predicted time of a node: the larger of what its arithmetic and its traffic ask for.

    seconds = start + max(operations / rate, bytes / bandwidth) / ATTAINED

The rate is that of the kind of work (products, convolutions, elementwise functions). Thin products
stay below it: with `c` columns or channels on the narrower side they reach `c / (c + HALF)` of it.
`BACKWARD` tells how much more a training step does.
"""

from __future__ import annotations

from graphc.cost.ceilings import Ceilings
from graphc.cost.formulas import FREE, Cost, node_cost
from graphc.ir import Node
from graphc.kernels.costs import NO_TRAFFIC
from graphc.kernels.registry import Choice

CACHE_BYTES = 8 << 20  # what is smaller comes from the caches
PRODUCTS = (
    "nn.dense", "linalg.matmul", "linalg.dot", "linalg.einsum", "nn.attention",
    "nn.linear_crossentropy",
)  # fmt: skip
CONVOLUTIONS = ("nn.conv", "nn.conv_transpose", "nn.separable_conv", "nn.depthwise_conv")
RECURRENT = ("nn.simple_rnn", "nn.gru", "nn.lstm", "nn.bidirectional")
WEIGHTS = {"nn.separable_conv": 2}  # the operand that most is multiplied by, where not the second
# As many columns (of a product) or channels (of a convolution) give half of the rate.
HALF = {"product": 64, "convolution": 32}
ATTAINED = 0.7  # of the ceilings, by ordinary code: `bench/nodes.py` compares with the clock
LOWEST = 0.25  # the least share of the rate: thinner ones are computed in another way
# Forward and backward over forward: a product has two gradients, each with an operand turned
# around; that of an elementwise function reads two arrays where the function reads one.
BACKWARD = {"product": 4.0, "vector": 2.5}


def predict(node: Node, choice: Choice, limits: Ceilings, *, training: bool) -> float:
    """Return the predicted seconds of a node, started alone.

    Args:
        node: of an optimised graph.
        choice: the kernel that it will run with.
        limits: of the device.
        training: whether its derivative is computed, too.
    """
    if node.op in FREE:
        return 0.0
    work = 0.0 if node.op in NO_TRAFFIC else _work_seconds(node, node_cost(node), limits)
    kind = "product" if node.op in (*PRODUCTS, *CONVOLUTIONS, *RECURRENT) else "vector"
    start = start_seconds(node, limits, training=training)
    return start + work * (BACKWARD[kind] if training else 1.0)


def start_seconds(node: Node, limits: Ceilings, *, training: bool) -> float:
    """Return what it takes to start a program of one node alone, by its operands and results.

    In training there are a cotangent for each floating result, and a derivative by each operand.
    """
    operands = [value.spec for value in node.inputs if value is not None]
    arrays = len(operands) + len(node.specs)
    if training:
        arrays += sum("float" in spec.dtype for spec in (*operands, *node.specs))
    return limits.dispatch_seconds + limits.array_seconds * max(arrays - 2, 0)


def _work_seconds(node: Node, cost: Cost, limits: Ceilings) -> float:
    arithmetic = cost.flops / (_rate(node, limits) * _share(node))
    small = cost.nbytes < CACHE_BYTES
    traffic = cost.nbytes / (limits.cached_bytes_per_second if small else limits.bytes_per_second)
    return max(arithmetic, traffic) / ATTAINED + _turns(node) * limits.loop_seconds


def _share(node: Node) -> float:
    """Return how much of the rate a product reaches: thin ones spend their time on moving data."""
    kind = "convolution" if node.op in CONVOLUTIONS else "product"
    place = WEIGHTS.get(node.op, 1)
    weights = node.inputs[place] if len(node.inputs) > place else None
    if node.op not in (*PRODUCTS, *CONVOLUTIONS) or weights is None:
        return 1.0
    narrow = min(weights.spec.shape[-2:], default=1)
    return max(narrow / (narrow + HALF[kind]), LOWEST)


def _rate(node: Node, limits: Ceilings) -> float:
    if node.op in PRODUCTS or node.op in RECURRENT:
        return limits.flops_per_second
    return (
        limits.conv_flops_per_second if node.op in CONVOLUTIONS else limits.vector_flops_per_second
    )


def _turns(node: Node) -> int:
    """Return how many turns of a loop the node takes."""
    if node.op not in RECURRENT:
        return 0
    x = node.inputs[0]
    assert x is not None
    return x.spec.shape[1] * (2 if node.op == "nn.bidirectional" else 1)
