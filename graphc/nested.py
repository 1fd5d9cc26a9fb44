"""Passes inside bodies: what holds for a graph holds for the graphs that its nodes carry."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from graphc.body import Body
from graphc.builder import Builder
from graphc.ir import Graph, Node, Value
from graphc.passes.base import AnyPass
from graphc.rewrite import Event, remake, replay


def apply_everywhere(step: AnyPass, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
    """Apply a pass to a graph, then to every body in it, however deep.

    Returns:
        The graph (the same object when nothing applied), and what happened.
    """
    graph, events = step(graph)
    found = list(events)

    def rewritten(body: Body) -> Body:
        after, more = apply_everywhere(step, body.graph)
        found.extend(more)
        return body if after is body.graph else Body(after)

    changed = {node: attrs for node in graph.nodes if (attrs := _mapped(node.attrs, rewritten))}
    if changed:
        graph = replay(
            graph, {node: partial(_emit, node, attrs) for node, attrs in changed.items()}
        )
    return graph, tuple(found)


def _emit(
    node: Node, attrs: dict[str, Any], builder: Builder, new: dict[Value, Value]
) -> tuple[Value, ...]:
    return remake(builder, node, new, attrs)


def _mapped(attrs: dict[str, Any], change: Callable[[Body], Body]) -> dict[str, Any] | None:
    """Return attributes with their bodies changed; None where none was."""
    after = {name: _changed(value, change) for name, value in attrs.items()}
    return after if any(after[name] is not value for name, value in attrs.items()) else None


def _changed(value: Any, change: Callable[[Body], Body]) -> Any:
    if isinstance(value, Body):
        return change(value)
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        after = tuple(_changed(item, change) for item in items)
        return after if any(a is not b for a, b in zip(after, items, strict=True)) else items
    return value
