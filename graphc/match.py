"""Matching: does a pattern, traced once from ordinary emits, stand at a given node?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphc.ir import Graph, Node, Value

ANY = "any"  # an attribute of the pattern that matches whatever the graph has


@dataclass(frozen=True, eq=False)
class PatternNode:
    """One op of a pattern; operands are variables (names) or other pattern nodes."""

    op: str
    inputs: tuple[PatternNode | str, ...]
    attrs: dict[str, Any]


class PatternBuilder:
    """What a rule's `pattern` function emits into; it looks like a `Builder`."""

    def emit(self, op: str, *operands: PatternNode | str, **attrs: Any) -> PatternNode:
        """Record one op; attributes left out, or `ANY`, match anything."""
        return PatternNode(op, operands, attrs)


@dataclass(frozen=True)
class Match:
    """A place where a pattern stands: what each variable bound and which node each op met."""

    root: Node
    bound: dict[str, Value | None] = field(default_factory=dict[str, Value | None])
    nodes: dict[PatternNode, Node] = field(default_factory=dict[PatternNode, Node])

    def __getitem__(self, name: str) -> Value | None:
        return self.bound[name]

    def node(self, op: str) -> Node:
        """Return the matched node of this op name (the first, from the root inwards)."""
        return next(node for node in self.nodes.values() if node.op == op)


def count_uses(graph: Graph) -> Counter[Value]:
    """Count how often each value is used, outputs and updates included."""
    uses = Counter(v for node in graph.nodes for v in node.inputs if v is not None)
    uses.update(graph.roots())
    return uses


def match(pattern: PatternNode, root: Node) -> Match | None:
    """Match `pattern` at `root`, whoever else uses the interior.

    A variable that appears twice must bind the same value; a variable may bind an absent operand
    (None).
    """
    found = Match(root)
    return found if _match_node(pattern, root, found) else None


def reason_against_sharing(found: Match, uses: Counter[Value]) -> str | None:
    """Return None when every interior node of a match is used once, else which one is not."""
    for node in found.nodes.values():
        if node is not found.root and sum(uses[Value(node, i)] for i in range(len(node.specs))) > 1:
            return f"the result of {node.op} is used elsewhere too"
    return None


def _match_node(pattern: PatternNode, node: Node, found: Match) -> bool:
    if node.op != pattern.op or len(node.inputs) != len(pattern.inputs):
        return False
    if any(value is not ANY and node.attrs.get(k) != value for k, value in pattern.attrs.items()):
        return False
    found.nodes[pattern] = node
    return all(
        _match_operand(wanted, value, found)
        for wanted, value in zip(pattern.inputs, node.inputs, strict=True)
    )


def _match_operand(wanted: PatternNode | str, value: Value | None, found: Match) -> bool:
    if isinstance(wanted, PatternNode):
        return value is not None and value.index == 0 and _match_node(wanted, value.node, found)
    if wanted in found.bound:
        return found.bound[wanted] == value
    found.bound[wanted] = value
    return True


Pattern = Callable[[PatternBuilder], PatternNode]
__all__ = [
    "ANY", "Match", "Pattern", "PatternBuilder", "PatternNode", "count_uses", "match",
    "reason_against_sharing",
]  # fmt: skip
