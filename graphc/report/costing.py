"""What the nodes of a step cost: counted, predicted against the device's ceilings, measured."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import jax

from graphc.body import bodies_of
from graphc.cost import Ceilings, ceilings, measure, node_cost, predict, start_seconds
from graphc.gradient import between, is_smooth
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.kernels.registry import Choice, select
from graphc.lower import signature
from graphc.spec import Target

TRANSPARENT = ("core.gradient", "core.remat")  # shown by what is inside
QUIET = (*INPUT_OPS, "core.constant")


@dataclass(frozen=True)
class NodeCost:
    """The cost of one node: what it adds to the step, backward included in the seconds alone.

    Seconds are None where nothing is known of the device, or nothing was measured.
    """

    flops: int
    nbytes: int  # read and written, forward
    predicted: float | None = None
    measured: float | None = None


def opened(graph: Graph) -> Iterator[Node]:
    """Yield the nodes that compute, those inside a gradient or a rematerialised part instead."""
    for node in graph.nodes:
        if node.op in TRANSPARENT:
            for body in bodies_of(node):
                yield from opened(body.graph)
        elif node.op not in QUIET:
            yield node


def choices(graph: Graph, target: Target) -> list[tuple[Node, Choice]]:
    """Return every op of a step with the kernel chosen for it, in execution order."""
    return [(node, select(node.op, signature(node), target)) for node in opened(graph)]


def limits_of(target: Target) -> Ceilings | None:
    """Return the ceilings of this machine's device; None for a device that is not here."""
    return ceilings(target) if target.platform == jax.default_backend() else None


def costs_of(
    graph: Graph, target: Target, *, training: bool, measured: bool = False
) -> dict[Node, NodeCost]:
    """Return the cost of every node of a step.

    Args:
        graph: optimised.
        target: what kernels are chosen for.
        training: whether the derivative of the graph's first output is computed, too: the nodes on
            the way to it then count forward and backward.
        measured: whether to run each node alone on made-up numbers, which takes a while.
    """
    limits = limits_of(target)
    backward = differentiated(graph, graph.params if training else ())
    times: dict[bool, Mapping[Node, float]] = {False: {}, True: {}}
    if measured and limits is not None:
        needed = {node in backward for node in opened(graph)}
        times |= {both: measure(graph, target, training=both) for both in needed}
    found: dict[Node, NodeCost] = {}
    for node, choice in choices(graph, target):
        both, counted = node in backward, node_cost(node)
        guess = None if limits is None else predict(node, choice, limits, training=both)
        start = 0.0 if limits is None else start_seconds(node, limits, training=both)
        seconds = (_within(each, start) for each in (guess, times[both].get(node)))
        found[node] = NodeCost(counted.flops, counted.nbytes, *seconds)
    return found


def _within(seconds: float | None, start: float) -> float | None:
    """Return what an op adds to a program, from its seconds when it is one of its own."""
    return None if seconds is None else max(0.0, seconds - start)


def differentiated(graph: Graph, sources: Collection[Value]) -> set[Node]:
    """Return the nodes whose derivative a step computes, those inside gradient nodes included.

    Args:
        graph: of the step.
        sources: what the first output is differentiated by; nothing where it is not.
    """
    found: set[Node] = set()
    if sources and graph.outputs:
        for node in between(graph.outputs[0], list(sources), lambda node: node.op in INPUT_OPS):
            found.add(node)
            if node.op in TRANSPARENT:
                found |= _wholly(node)
    for node in graph.nodes:
        if node.op not in TRANSPARENT or node in found:
            continue
        for body in bodies_of(node):
            inner = body.graph.inputs[: node.attrs["wrt"]] if "wrt" in node.attrs else ()
            found |= differentiated(body.graph, inner)
    return found


def _wholly(node: Node) -> set[Node]:
    """Return the nodes inside one that is differentiated by whatever it is given."""
    found: set[Node] = set()
    for body in bodies_of(node):
        found |= differentiated(body.graph, [v for v in body.graph.inputs if is_smooth(v)])
    return found
