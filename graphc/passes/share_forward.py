"""What a gradient node computes on its way is not computed beside it.

    l = f(p); m = g(l); d = grad(f)(p)   becomes   (l, d) = (f, grad f)(p); m = g(l)

Exact: the values are the same, and jitted forward passes are deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphc.body import Body
from graphc.gradient import OP, results_of
from graphc.ir import INPUT_OPS, Graph, Node, Value, attrs_key, exact
from graphc.passes.base import Mode, Numerics
from graphc.rewrite import Event, remake, start_replay


@dataclass(frozen=True)
class ShareForward:
    """The pass: one gradient node at a time."""

    name: str = "share_forward"
    numerics: Numerics = "exact"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph in which nothing is computed both inside and beside a gradient node."""
        events: list[Event] = []
        while (found := _next(graph)) is not None:
            node, twins, wanted = found
            graph = _shared(graph, node, twins, wanted)
            events.append(Event(self.name, node.scope, node.op, None))
        return graph, tuple(events)


def _next(graph: Graph) -> tuple[Node, dict[Value, Value], list[Value]] | None:
    """Return the first gradient node that something can be taken from: never one a second time."""
    for node in graph.nodes:
        if node.op == OP:
            twins = _twins(graph, node)
            wanted = _used_elsewhere(graph, node, twins)
            if wanted:
                return node, twins, wanted
    return None


def _key(node: Node, inputs: tuple[Value | None, ...]) -> Any:
    wiring = tuple(None if v is None else (v.node, v.index) for v in inputs)
    return node.op, wiring, exact(attrs_key(node.attrs))


def _twins(graph: Graph, gradient: Node) -> dict[Value, Value]:
    """Return, for values beside the gradient node, the equal ones inside its body."""
    known = {_key(n, n.inputs): n for n in graph.nodes if n.op not in INPUT_OPS}
    body: Graph = gradient.attrs["body"].graph
    outer: dict[Value, Value] = {}
    for inside, operand in zip(body.inputs, gradient.inputs, strict=True):
        assert operand is not None
        outer[inside] = operand
    twins: dict[Value, Value] = {}
    for node in body.nodes:
        if node.op in INPUT_OPS or any(v is not None and v not in outer for v in node.inputs):
            continue
        inputs = tuple(None if value is None else outer[value] for value in node.inputs)
        found = known.get(_key(node, inputs))
        if found is None:
            continue
        for inside, beside in zip(results_of(node), results_of(found), strict=True):
            outer[inside] = beside
            if node.op != "core.constant":
                twins[beside] = inside
    return twins


def _used_elsewhere(graph: Graph, gradient: Node, twins: dict[Value, Value]) -> list[Value]:
    """Return the values with a twin that nodes use which do not lead to the gradient node."""
    copied = {value.node for value in twins}
    before = _ancestors(gradient)
    used = {
        value
        for node in graph.nodes
        if node not in copied and node not in before and node is not gradient
        for value in node.inputs
    }
    used.update(graph.roots())
    return [value for value in twins if value in used]


def _ancestors(node: Node) -> set[Node]:
    found: set[Node] = set()
    stack = [node]
    while stack:
        for value in stack.pop().inputs:
            if value is not None and value.node not in found:
                found.add(value.node)
                stack.append(value.node)
    return found


def _shared(graph: Graph, gradient: Node, twins: dict[Value, Value], wanted: list[Value]) -> Graph:
    """Return the graph in which the gradient node hands out `wanted`."""
    old: Graph = gradient.attrs["body"].graph
    more = tuple(twins[value] for value in wanted)
    body = Body(Graph((), (), old.inputs, old.nodes, (*old.outputs, *more), ()))
    count = len(old.outputs)
    builder, new = start_replay(graph)
    handed: dict[Value, Value] = {}
    late = _late(graph, gradient, twins, set(wanted))
    early = [node for node in graph.nodes if node not in late]
    for node in (*early, *(node for node in graph.nodes if node in late)):
        if node.op in INPUT_OPS:
            continue
        known = new | handed if node in late else new
        builder.scope, builder.source = node.scope, node.source
        if node is not gradient:
            made = remake(builder, node, known)
        else:
            made = remake(builder, node, known, {**node.attrs, "body": body})
            handed = dict(zip(wanted, made[count : count + len(more)], strict=True))
            made = (*made[:count], *made[count + len(more) :])
        new.update(zip(results_of(node), made, strict=True))
    new |= handed
    return builder.finish([new[v] for v in graph.outputs], [new[v] for v in graph.updates])


def _late(graph: Graph, gradient: Node, twins: dict[Value, Value], wanted: set[Value]) -> set[Node]:
    """Return the nodes to come after the gradient node: users of what it hands out, and theirs."""
    copied = {value.node for value in twins}
    before = _ancestors(gradient) | {gradient}
    late: set[Node] = set()
    for node in graph.nodes:
        uses = any(v in wanted or (v and v.node in late) for v in node.inputs)
        if uses and node not in copied and node not in before:
            late.add(node)
    return late


SHARE_FORWARD = ShareForward()
