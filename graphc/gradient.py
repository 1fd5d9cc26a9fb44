"""Gradients inside a graph: what lies between sources and a target becomes the body of a node.

The nodes that computed the target stay where they are, so the forward pass is there twice at first;
the pass `share_forward` takes what the rest of the graph uses of it from the gradient node.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import cast

from jax import numpy as jnp

from graphc.body import Body
from graphc.builder import Builder
from graphc.ir import Node, Value

OP = "core.gradient"
STOPS = ("core.stop_gradient",)


def emit_gradient(
    builder: Builder, target: Value, sources: Sequence[Value], since: int = 0
) -> list[Value | None]:
    """Return the derivative of a scalar by each source; None where it does not depend on it.

    Args:
        builder: made the target and the sources.
        target: a floating-point scalar.
        sources: floating-point tensors that the target was computed from.
        since: a number from `builder.begin_afresh`; what was computed before it is constant.
    """
    behind = _behind(builder, sources, since)
    found = _emit(builder, target, [s for s in sources if s not in behind], since)
    if behind:  # their way may lead through another source, so they have a node of their own
        rest = list(dict.fromkeys(source for source in sources if source in behind))
        found |= dict(zip(rest, emit_gradient(builder, target, rest, since), strict=True))
    return [found.get(source) for source in sources]


def _behind(builder: Builder, sources: Sequence[Value], since: int) -> set[Value]:
    """Return the sources that another source was computed from, not earlier than `since`."""
    made = [source for source in set(sources) if builder.number_of(source.node) >= since]
    earlier = {
        value
        for source in made
        for node in ancestors(source, lambda node: builder.number_of(node) < since)
        for value in node.inputs
    }
    return set(sources) & earlier


def _emit(
    builder: Builder, target: Value, sources: Sequence[Value], since: int
) -> dict[Value, Value | None]:
    """Return the derivatives by sources of which none was computed from another."""
    nodes = list(between(target, sources, lambda node: builder.number_of(node) < since))
    reached = reaching(nodes, target)
    chosen = list(dict.fromkeys(source for source in sources if source in reached))
    if not chosen:
        return {}
    body, captured = closed(nodes, chosen, [target])
    results = builder.emit(OP, *chosen, *captured, body=body, wrt=len(chosen))
    return dict(zip(chosen, results[1:], strict=True))


def between(
    target: Value, sources: Sequence[Value], is_fixed: Callable[[Node], bool]
) -> Iterator[Node]:
    """Yield the nodes on a differentiable way from a source to the target, in order.

    No way leads through a fixed node.
    """
    ends = set(sources)
    for node in ancestors(target, is_fixed, ends):
        smooth = [value for value in results_of(node) if is_smooth(value)]
        flows = any(value in ends for value in node.inputs) and node.op not in STOPS
        if flows and smooth:
            ends.update(smooth)
            yield node


def reaching(nodes: Sequence[Node], target: Value) -> set[Value]:
    """Return the values that the target depends on by way of `nodes`."""
    needed = {target}
    for node in reversed(nodes):
        if any(value in needed for value in results_of(node)):
            needed.update(value for value in node.inputs if value is not None)
    return needed


def closed(
    nodes: Sequence[Node], sources: Sequence[Value], outputs: Sequence[Value]
) -> tuple[Body, list[Value]]:
    """Return `nodes` as a body of the sources, then of what else they take; and the latter."""
    builder = Builder()
    inner = {source: builder.input(source.spec, "source") for source in sources}
    captured: list[Value] = []

    def operand(value: Value | None) -> Value | None:
        if value is None or value in inner:
            return value and inner[value]
        if value.node.op == "core.constant":
            inner[value] = builder.copy_constant(value.node)
        else:
            captured.append(value)
            inner[value] = builder.input(value.spec, "captured")
        return inner[value]

    for node in nodes:
        builder.scope, builder.source = node.scope, node.source
        made = builder.emit(node.op, *map(operand, node.inputs), **node.attrs)
        several = isinstance(made, tuple)
        results = cast("tuple[Value, ...]", made) if several else (cast("Value", made),)
        rows = zip(results_of(node), results, strict=True)
        inner.update((old, new) for old, new in rows if old not in inner)
    return Body(builder.finish([inner[value] for value in outputs])), captured


def ancestors(
    target: Value, is_fixed: Callable[[Node], bool], ends: Collection[Value] = ()
) -> list[Node]:
    """Return the nodes that the target was computed by, in order.

    Neither fixed nodes nor what is behind `ends` is looked at.
    """
    found: dict[Node, None] = {}
    stack = [] if target in ends or is_fixed(target.node) else [(target.node, False)]
    while stack:
        node, ready = stack.pop()
        if ready:
            found.setdefault(node)
        elif node not in found:
            stack.append((node, True))
            inputs = [v.node for v in node.inputs if v is not None and v not in ends]
            stack.extend((one, False) for one in reversed(inputs) if not is_fixed(one))
    return list(found)


def results_of(node: Node) -> tuple[Value, ...]:
    """Return all results of a node."""
    return tuple(Value(node, index) for index in range(len(node.specs)))


def is_smooth(value: Value) -> bool:
    """Return whether a value has a dtype that derivatives pass through."""
    return bool(jnp.issubdtype(value.spec.dtype, jnp.inexact))
