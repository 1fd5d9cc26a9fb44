"""What was done to a graph, by layer: passes, kernels and why not others, arithmetic, memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphc.cost import flops
from graphc.ir import INPUT_OPS, Graph, Node
from graphc.kernels.registry import Choice, select
from graphc.lower import signature
from graphc.body import bodies_of
from graphc.rewrite import Event
from graphc.spec import Target, nbytes

UNITS = ("", "K", "M", "G", "T")
TRANSPARENT = ("core.gradient", "core.remat")  # shown by what is inside


@dataclass(frozen=True)
class LayerRow:
    """One layer of the compiled graph."""

    scope: str
    ops: tuple[str, ...]
    kernels: tuple[str, ...]
    rejected: tuple[str, ...]
    flops: int
    nbytes: int
    opaque: bool


@dataclass(frozen=True)
class Report:
    """The compiled view of one step of a model.

    `before` and `after` are the graph around the passes; `facts` are lines about the program
    (loop form, cache), in order.
    """

    title: str
    before: Graph
    after: Graph
    target: Target
    passes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    facts: tuple[tuple[str, str], ...] = ()

    def choices(self) -> list[tuple[Node, Choice]]:
        """Return every op of the step with the kernel chosen for it, in execution order."""
        ops = (n for n in _opened(self.after) if n.op not in (*INPUT_OPS, "core.constant"))
        return [(node, select(node.op, signature(node), self.target)) for node in ops]

    def layers(self) -> list[LayerRow]:
        """Return one row a layer, in execution order."""
        grouped: dict[str, list[tuple[Node, Choice]]] = {}
        for node, choice in self.choices():
            grouped.setdefault(node.scope, []).append((node, choice))
        return [self._row(scope, nodes) for scope, nodes in grouped.items()]

    def _row(self, scope: str, chosen: list[tuple[Node, Choice]]) -> LayerRow:
        nodes, choices = [node for node, _ in chosen], [choice for _, choice in chosen]
        kernels = [
            f"{c.kernel.tier}:{c.kernel.name}" for c in choices if c.kernel.tier != "reference"
        ]
        rejected = [
            f"{kernel.name}: {reason}" for choice in choices for kernel, reason in choice.rejected
        ]
        written = sum(nbytes(spec) for node in nodes for spec in node.specs)
        return LayerRow(
            scope, tuple(n.op for n in nodes), tuple(kernels), tuple(dict.fromkeys(rejected)),
            sum(map(flops, nodes)), written, any(node.op == "core.call" for node in nodes),
        )  # fmt: skip

    def rewrites(self) -> list[tuple[str, Event]]:
        """Return (pass, event) for each rule that fired or gave a reason why not."""
        return [
            (row["pass"], event) for row in self.passes for event in row["fired"] + row["declined"]
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "layers": [vars(row) | {"ops": list(row.ops)} for row in self.layers()],
            "rewrites": [
                {"pass": name, "rule": e.rule, "layer": e.scope, "applied": e.reason is None,
                 "reason": e.reason}
                for name, e in self.rewrites()
            ],
            "graph_before": str(self.before),
            "graph_after": str(self.after),
        }  # fmt: skip

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield self.title
        yield "=" * len(self.title)
        for name, value in self.facts:
            yield f"{name:<22} {value}"
        yield f"{'nodes':<22} {len(self.before.nodes)} traced, {len(self.after.nodes)} after passes"
        yield ""
        yield f"{'layer':<42} {'FLOPs':>8} {'written':>9}  ops and kernels"
        for row in self.layers():
            yield from _layer_lines(row)
        yield ""
        yield "passes"
        for name, event in self.rewrites():
            what = "applied" if event.reason is None else f"not applied: {event.reason}"
            yield f"  {name}: {event.rule} at {event.scope or 'the top'}: {what}"
        for row in self.passes:
            if not row["fired"] and not row["declined"]:
                yield f"  {row['pass']}: nothing to do"


def _opened(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph, those inside of a gradient or a rematerialised part instead."""
    for node in graph.nodes:
        if node.op in TRANSPARENT:
            for body in bodies_of(node):
                yield from _opened(body.graph)
        else:
            yield node


def _layer_lines(row: LayerRow) -> Iterator[str]:
    ops = " ".join(dict.fromkeys(op.split(".")[-1] for op in row.ops))
    opaque = "  [opaque: no pass looks inside]" if row.opaque else ""
    size = f"{_short(row.flops):>8} {_short(row.nbytes):>8}B"
    yield f"{row.scope or '(model)':<42} {size}  {ops}{opaque}"
    for kernel in row.kernels:
        yield f"{'':<62}+ {kernel}"
    for reason in row.rejected:
        yield f"{'':<62}- {reason}"


def _short(number: float) -> str:
    for unit in UNITS:
        if number < 1000:
            return f"{number:.0f}{unit}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f}P"
