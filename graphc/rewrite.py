"""Rewriting: rules are three stateless functions; the driver replays the graph until none fires."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from graphc.builder import Builder
from graphc.errors import RewriteLimitError
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.match import (
    Match,
    Operand,
    Pattern,
    PatternBuilder,
    count_uses,
    match,
    reason_against_sharing,
)


@dataclass(frozen=True)
class Rule:
    """One algebraic step.

    `pattern` is traced once from ordinary emits; `check` returns None or the reason why the rule
    does not apply here; `rewrite` emits the replacement of the root's (single) result. Nodes of the
    pattern below its root must be used once, unless `shared_interior`.
    """

    name: str
    pattern: Pattern
    check: Callable[[Match], str | None]
    rewrite: Callable[[Builder, Match], Value]
    shared_interior: bool = False

    def traced(self) -> Operand:
        """Return the pattern as data."""
        return self.pattern(PatternBuilder())


@dataclass(frozen=True)
class Event:
    """A rule met a node: `reason` is None where it fired, else why it did not."""

    rule: str
    scope: str
    op: str
    reason: str | None


def apply_rules(
    graph: Graph, rules: Sequence[Rule], *, limit: int = 100
) -> tuple[Graph, tuple[Event, ...]]:
    """Apply `rules` until nothing fires; an unchanged graph comes back as the same object.

    Raises:
        RewriteLimitError: still firing after `limit` replays.
    """
    patterns = [(rule, rule.traced()) for rule in rules]
    history: list[Event] = []
    for _ in range(limit):
        after, events = _replay(graph, patterns)
        if after is graph:
            return graph, (*history, *events)
        # What was declined is met again in the next replay: only the last word counts.
        history += [event for event in events if event.reason is None]
        graph = after
    names = ", ".join(rule.name for rule in rules)
    raise RewriteLimitError(f"The rules {names} still fire after {limit} replays of the graph.")


def _replay(graph: Graph, patterns: Sequence[tuple[Rule, Operand]]) -> tuple[Graph, list[Event]]:
    uses = count_uses(graph)
    chosen: dict[Node, tuple[Rule, Match]] = {}
    events: list[Event] = []
    for node in graph.nodes:
        for rule, pattern in patterns:
            fired = _try(rule, pattern, node, uses, events)
            if fired is not None:
                chosen[node] = (rule, fired)
                break
    if not chosen:
        return graph, events
    return replay(graph, {node: _rewriter(*pair) for node, pair in chosen.items()}), events


def _try(
    rule: Rule, pattern: Operand, node: Node, uses: Counter[Value], events: list[Event]
) -> Match | None:
    found = match(pattern, node)
    if found is None:
        return None
    reason = None if rule.shared_interior else reason_against_sharing(found, uses)
    reason = reason or rule.check(found)
    events.append(Event(rule.name, node.scope, node.op, reason))
    return found if reason is None else None


Replacement = Callable[[Builder, dict[Value, Value]], tuple[Value, ...]]


def _rewriter(rule: Rule, found: Match) -> Replacement:
    def emit(builder: Builder, new: dict[Value, Value]) -> tuple[Value, ...]:
        bound = {name: None if value is None else new[value] for name, value in found.bound.items()}
        return (rule.rewrite(builder, replace(found, bound=bound)),)

    return emit


def start_replay(graph: Graph) -> tuple[Builder, dict[Value, Value]]:
    """Return a builder with the interface of a graph, and its values by the old ones."""
    builder = Builder()
    new: dict[Value, Value] = {}
    for role in ("param", "state", "input"):
        for value in getattr(graph, {"param": "params", "input": "inputs"}.get(role, role)):
            builder.scope, builder.source = value.node.scope, value.node.source
            declare = getattr(builder, role)
            new[value] = declare(value.spec, value.node.attrs.get("name", ""))
    return builder, new


def replay(graph: Graph, replacements: dict[Node, Replacement]) -> Graph:
    """Rebuild the graph node by node; nodes in `replacements` are made by their function."""
    builder, new = start_replay(graph)
    for node in graph.nodes:
        if node.op in INPUT_OPS:
            continue
        builder.scope, builder.source = node.scope, node.source
        replacement = replacements.get(node)
        made = remake(builder, node, new) if replacement is None else replacement(builder, new)
        new.update({Value(node, index): value for index, value in enumerate(made)})
    return builder.finish([new[v] for v in graph.outputs], [new[v] for v in graph.updates])


def remake(
    builder: Builder, node: Node, new: dict[Value, Value], attrs: dict[str, Any] | None = None
) -> tuple[Value, ...]:
    """Emit a node of another graph on the values that stand for its operands."""
    if node.op == "core.constant":
        return (builder.copy_constant(node),)
    operands = [None if value is None else new[value] for value in node.inputs]
    made = builder.emit(node.op, *operands, **(node.attrs if attrs is None else attrs))
    return cast("tuple[Value, ...]", made) if isinstance(made, tuple) else (made,)
