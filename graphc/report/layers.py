"""A compiled graph folded by layer: one row for each scope, with all that was decided there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphc.cost import Ceilings, node_cost
from graphc.ir import Graph, Node
from graphc.kernels.registry import Choice
from graphc.report.costing import NodeCost, opened
from graphc.rewrite import Event
from graphc.spec import nbytes

HELD = ("core.param", "core.state")


@dataclass(frozen=True)
class LayerRow:
    """One layer of the compiled graph.

    Attributes:
        scope: the layer path.
        source: the user's file and line.
        ops: after the passes, in execution order.
        ops_before: as traced.
        kernels: those that are not the reference, as tier:name.
        rejected: kernels passed over, with reasons.
        rewrites: what passes did here, or why they did not.
        flops: operations, forward.
        nbytes: bytes read and written, forward.
        weights: bytes of the parameters and states read.
        results: bytes of what it computes.
        opaque: whether there is code that no pass looks into.
        predicted: seconds in a step, backward included, where the device's ceilings are known.
        measured: seconds in a step, each op alone, where that was asked for.
        share: of the seconds of all layers, from 0 to 1 (measured before predicted).
        bound: what limits it: "arithmetic" or "traffic".
    """

    scope: str
    source: str
    ops: tuple[str, ...]
    ops_before: tuple[str, ...]
    kernels: tuple[str, ...]
    rejected: tuple[str, ...]
    rewrites: tuple[str, ...]
    flops: int
    nbytes: int
    weights: int
    results: int
    opaque: bool
    predicted: float | None = None
    measured: float | None = None
    share: float | None = None
    bound: str = ""

    @property
    def seconds(self) -> float | None:
        """Measured seconds, else predicted ones."""
        return self.predicted if self.measured is None else self.measured


Rewrites = Sequence[tuple[str, Event]]
Chosen = Sequence[tuple[Node, Choice]]


def fold(
    chosen: Chosen,
    before: Graph,
    rewrites: Rewrites,
    costs: Mapping[Node, NodeCost],
    limits: Ceilings | None,
) -> list[LayerRow]:
    """Return one row a layer in execution order; last come layers of which nothing is left.

    Args:
        chosen: the nodes of the optimised graph with their kernels.
        before: the graph as traced.
        rewrites: pairs of a pass and what it did.
        costs: of the nodes; those that are not there are counted from their shapes.
        limits: of the device, where they are known.
    """
    traced: dict[str, list[str]] = {}
    for node in opened(before):
        traced.setdefault(node.scope, []).append(node.op)
    grouped: dict[str, list[tuple[Node, Choice]]] = {}
    for node, choice in chosen:
        grouped.setdefault(node.scope, []).append((node, choice))
    known = {node: costs.get(node) or _counted(node) for node, _ in chosen}
    whole = total(seconds_of(cost) for cost in known.values())
    return [
        _row(
            scope, grouped.get(scope, []), tuple(traced.get(scope, ())),
            tuple(told(name, event) for name, event in rewrites if event.scope == scope),
            known, limits, whole,
        )
        for scope in dict.fromkeys((*grouped, *traced))
    ]  # fmt: skip


def told(name: str, event: Event) -> str:
    """Return what a pass did at one place, as a phrase."""
    what = "applied" if event.reason is None else f"not applied: {event.reason}"
    return f"{name}: {event.rule} {what}"


def seconds_of(cost: NodeCost) -> float | None:
    """Return measured seconds, else predicted ones."""
    return cost.predicted if cost.measured is None else cost.measured


def total(seconds: Iterable[float | None]) -> float | None:
    """Return the sum; None where nothing is known."""
    found = [each for each in seconds if each is not None]
    return sum(found) if found else None


def _counted(node: Node) -> NodeCost:
    cost = node_cost(node)
    return NodeCost(cost.flops, cost.nbytes)


def _row(
    scope: str,
    chosen: Chosen,
    traced: tuple[str, ...],
    rewrites: tuple[str, ...],
    known: Mapping[Node, NodeCost],
    limits: Ceilings | None,
    whole: float | None,
) -> LayerRow:
    nodes, costs = [node for node, _ in chosen], [known[node] for node, _ in chosen]
    rejected = [
        f"{kernel.name}: {reason}" for _, choice in chosen for kernel, reason in choice.rejected
    ]
    held = {v: nbytes(v.spec) for n in nodes for v in n.inputs if v and v.node.op in HELD}
    share = total(map(seconds_of, costs))
    return LayerRow(
        scope,
        next((node.source for node in nodes if node.source), ""),
        tuple(node.op for node in nodes),
        traced,
        tuple(_label(choice) for _, choice in chosen if choice.kernel.tier != "reference"),
        tuple(dict.fromkeys(rejected)),
        tuple(dict.fromkeys(rewrites)),
        sum(cost.flops for cost in costs),
        sum(cost.nbytes for cost in costs),
        sum(held.values()),
        sum(nbytes(spec) for node in nodes for spec in node.specs),
        any(node.op == "core.call" for node in nodes),
        total(cost.predicted for cost in costs),
        total(cost.measured for cost in costs),
        share / whole if share is not None and whole else None,
        "" if limits is None else _bound(costs, limits),
    )


def _label(choice: Choice) -> str:
    return f"{choice.kernel.tier}:{choice.kernel.name}"


def _bound(costs: Sequence[NodeCost], limits: Ceilings) -> str:
    """Return what the layer would take longest by, at the device's ceilings."""
    parts = {
        "arithmetic": sum(cost.flops for cost in costs) / limits.flops_per_second,
        "traffic": sum(cost.nbytes for cost in costs) / limits.bytes_per_second,
    }
    return max(parts, key=lambda name: parts[name]) if any(parts.values()) else ""
