"""A sub-graph as a function of arrays: the body of a loop, the branch of a conditional."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from graphc.ir import Graph, Node, fingerprint
from graphc.lower import Lowered, default_target, lower, plan
from graphc.spec import Target


class Body:
    """A graph of inputs and outputs alone, as the attribute of a control-flow node.

    It closes over nothing: what the user's function captured is an operand of the node. Two bodies
    are equal when their graphs are, so that nodes with equal bodies share programs.
    """

    def __init__(self, graph: Graph) -> None:
        if graph.params or graph.state or graph.updates:
            raise ValueError(f"Expected a graph of inputs and outputs alone. Received:\n{graph}")
        self.graph = graph
        self.digest = fingerprint(graph)

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        """Compute the outputs, each node by the kernel chosen for the default device."""
        return _lowered(self, default_target())((), (), arrays)[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Body) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<body of {len(self.graph.nodes)} nodes>"


@lru_cache(maxsize=256)
def _lowered(body: Body, target: Target) -> Lowered:
    return lower(body.graph, plan(body.graph, target))


def every_node(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph and of all bodies in it."""
    for node in graph.nodes:
        yield node
        for body in bodies_of(node):
            yield from every_node(body.graph)


def bodies_of(node: Node) -> Iterator[Body]:
    """Yield the bodies among a node's attributes."""
    for value in node.attrs.values():
        items = cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
        yield from (item for item in items if isinstance(item, Body))
