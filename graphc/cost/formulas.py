"""Arithmetic and traffic counted from the graph, bodies included."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from graphc.body import bodies_of
from graphc.ir import INPUT_OPS, Graph, Node
from graphc.kernels.costs import operations, traffic

FREE = (*INPUT_OPS, "core.constant")


@dataclass(frozen=True)
class Cost:
    """Floating-point operations, and bytes read and written."""

    flops: int = 0
    nbytes: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.flops + other.flops, self.nbytes + other.nbytes)

    def times(self, count: int) -> Cost:
        """Return the cost of doing it `count` times."""
        return Cost(self.flops * count, self.nbytes * count)


def total(costs: Iterable[Cost]) -> Cost:
    """Return the sum of costs."""
    return sum(costs, Cost())


def _once(node: Node) -> Cost:
    return total(graph_cost(body.graph) for body in bodies_of(node))


def _scan(node: Node) -> Cost:
    return _once(node).times(scan_length(node))


def scan_length(node: Node) -> int:
    """Return how often a scan runs its body; without sequences `length` tells."""
    carries: int = node.attrs["carries"]
    first = node.inputs[carries] if node.attrs["sequences"] else None
    return node.attrs["length"] if first is None else first.spec.shape[0]


def _dearest(node: Node) -> Cost:
    return max((graph_cost(body.graph) for body in bodies_of(node)), key=lambda cost: cost.flops)


def _gradient(node: Node) -> Cost:
    """Forward, and about twice as much backward."""
    return _once(node).times(3)


def _by_row(node: Node) -> Cost:
    rows = node.inputs[0]
    assert rows is not None
    return _once(node).times(rows.spec.shape[0])


WITH_BODIES: dict[str, Callable[[Node], Cost]] = {
    "core.gradient": _gradient,
    "core.remat": _once,
    "core.scan": _scan,
    "core.switch": _dearest,
    "core.vectorized_map": _by_row,
    "core.while_loop": _once,  # nobody knows how often
}


def node_cost(node: Node) -> Cost:
    """Return what one forward run of a node costs."""
    if node.op in FREE:
        return Cost()
    with_body = WITH_BODIES.get(node.op)
    if with_body is not None:
        return with_body(node)
    inputs = tuple(None if value is None else value.spec for value in node.inputs)
    described = (node.op, inputs, node.attrs, node.specs)
    return Cost(operations(*described), traffic(*described))


def graph_cost(graph: Graph) -> Cost:
    """Return what one forward run of a graph costs."""
    return total(map(node_cost, graph.nodes))


def flops(node: Node) -> int:
    """Return the floating-point operations of one node's forward computation."""
    return node_cost(node).flops


def graph_flops(graph: Graph) -> int:
    """Return the floating-point operations of one forward run of the graph."""
    return graph_cost(graph).flops
