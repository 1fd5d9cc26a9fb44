"""`Report`: what was done to the graph of a step, and what it costs; as text, data or a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from graphc.cost import Ceilings
from graphc.ir import Graph, Node
from graphc.jitted import Memory
from graphc.kernels.registry import Choice
from graphc.report.costing import NodeCost, choices
from graphc.report.layers import LayerRow, fold, total
from graphc.report.page import as_page, in_notebook
from graphc.report.quantities import duration, short, size
from graphc.report.text import as_text
from graphc.rewrite import Event
from graphc.spec import Target


@dataclass(frozen=True)
class Report:
    """The compiled view of one step of a model: `print` it, or ask for one of its forms.

    Attributes:
        title: what it is about.
        before: the graph as traced.
        after: the graph after the passes.
        target: what kernels are chosen for.
        passes: what each pass did, as `PassRecord` keeps it.
        facts: lines about the program (loop form, cache), in order.
        costs: of the nodes of `after`; those that are missing are counted from their shapes.
        stages: seconds that compiling took, by stage, in order.
        step_seconds: of one step, as it was run; None before any.
        memory: what the compiled program needs.
        limits: the ceilings of the device.
    """

    title: str
    before: Graph
    after: Graph
    target: Target
    passes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    facts: tuple[tuple[str, str], ...] = ()
    costs: Mapping[Node, NodeCost] = field(default_factory=dict[Node, NodeCost])
    stages: tuple[tuple[str, float], ...] = ()
    step_seconds: float | None = None
    memory: Memory | None = None
    limits: Ceilings | None = None

    def choices(self) -> list[tuple[Node, Choice]]:
        """Return every op of the step with the kernel chosen for it, in execution order."""
        return choices(self.after, self.target)

    def layers(self) -> list[LayerRow]:
        """Return one row a layer, in execution order."""
        return list(self._layers)

    @cached_property
    def _layers(self) -> list[LayerRow]:
        return fold(self.choices(), self.before, self.rewrites(), self.costs, self.limits)

    def rewrites(self) -> list[tuple[str, Event]]:
        """Return (pass, event) for each rule that fired or gave a reason why not."""
        return [
            (row["pass"], event) for row in self.passes for event in row["fired"] + row["declined"]
        ]

    def all_facts(self) -> list[tuple[str, str]]:
        """Return the facts with those that follow from the rest: time, memory, device, size."""
        predicted, measured = self._totals()
        told = {
            "step time": duration(self.step_seconds),
            "layers, predicted": duration(predicted),
            "layers, measured": duration(measured) and f"{duration(measured)}, each op alone",
            "memory": self.memory and _memory(self.memory),
            "roofline": self.limits and _roofline(self.limits),
            "nodes": f"{len(self.before.nodes)} traced, {len(self.after.nodes)} after passes",
        }
        return [*self.facts, *((name, value) for name, value in told.items() if value)]

    def _totals(self) -> tuple[float | None, float | None]:
        rows = self._layers
        return total(row.predicted for row in rows), total(row.measured for row in rows)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data, for JSON."""
        predicted, measured = self._totals()
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "step": {"recorded": self.step_seconds, "predicted": predicted, "measured": measured},
            "stages": dict(self.stages),
            "memory": self.memory and {**asdict(self.memory), "peak": self.memory.peak},
            "roofline": self.limits and asdict(self.limits),
            "layers": [_plain(asdict(row)) for row in self._layers],
            "passes": [
                {"pass": row["pass"], "seconds": row["seconds"], "changed": row["changed"],
                 "nodes": list(row["nodes"])}
                for row in self.passes
            ],
            "rewrites": [
                {"pass": name, "rule": e.rule, "layer": e.scope, "applied": e.reason is None,
                 "reason": e.reason}
                for name, e in self.rewrites()
            ],
            "graph_before": str(self.before),
            "graph_after": str(self.after),
        }  # fmt: skip

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the report as JSON, and write it to a file where one is named."""
        return _written(json.dumps(self.as_dict(), indent=2), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """Return the report as one page that needs nothing else, and write it where asked."""
        return _written(as_page(self), path)

    def _repr_html_(self) -> str:
        return in_notebook(self)

    def __str__(self) -> str:
        return as_text(self)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in row.items()}


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _memory(memory: Memory) -> str:
    return (
        f"{size(memory.peak)} at most: {size(memory.arguments)} of arguments, "
        f"{size(memory.temporary)} on the way, {size(memory.outputs)} of results "
        f"({size(memory.aliased)} of them in the place of arguments)"
    )


def _roofline(limits: Ceilings) -> str:
    return (
        f"{short(limits.flops_per_second)}FLOP/s in products, {size(limits.bytes_per_second)}/s to "
        f"and from memory, {duration(limits.dispatch_seconds)} to start a program"
    )
