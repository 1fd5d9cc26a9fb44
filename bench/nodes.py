"""Predicted against measured time, node by node: how far the cost model is off.

    python bench/nodes.py [--only convnet,gpt] [--repeats N] [--json PATH] [--worst N]

Every op of a workload's training step is timed alone, forward and backward, on its real shapes, and
set beside what the cost model says from shapes and ceilings. Wants an idle machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from targets import COUNTED
from timing import machine
from workloads import WORKLOADS

import graphc
from graphc import keras
from graphc.cost import ceilings, measure, predict
from graphc.kernels.registry import select
from graphc.lower import default_target, signature

TARGET = 0.4  # the median error that is promised


@dataclass(frozen=True)
class NodeTime:
    """One op with its shapes: seconds as predicted and as measured."""

    workload: str
    layer: str
    op: str
    kernel: str
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """How far off the prediction is, as a share of what was measured."""
        return abs(self.predicted - self.measured) / self.measured


def node_times(name: str, repeats: int) -> Iterator[NodeTime]:
    """Each different op of a workload's training step."""
    recipe = WORKLOADS[name]
    data = recipe.prepare(recipe.load().head(recipe.batch).arrays)
    model = recipe.build(keras)
    graph = graphc.graph(model, "train", data["x"], targets=data["y"])
    target = default_target()
    # Anew for each workload: a shared machine is not always equally fast.
    limits, seen = ceilings(target, anew=True), set[tuple[str, float]]()
    for node, seconds in measure(graph, target, training=True, repeats=repeats).items():
        if (node.op, seconds) not in seen:  # equal nodes were measured once
            seen.add((node.op, seconds))
            choice = select(node.op, signature(node), target)
            expected = predict(node, choice, limits, training=True)
            yield NodeTime(name, node.scope, node.op, choice.kernel.name, expected, seconds)


def table(rows: Sequence[NodeTime]) -> str:
    """The rows as text, one line each."""
    lines = [f"{'layer':<44}{'op':<36}{'predicted':>12}{'measured':>12}{'error':>8}"]
    lines += [
        f"{row.workload + ': ' + row.layer:<44.43}{row.op + ' ' + row.kernel:<36.35}"
        f"{row.predicted * 1e6:>9.1f} us{row.measured * 1e6:>9.1f} us{row.error:>8.0%}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write; 1 when the median error is over the target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default=",".join(COUNTED), help="comma-separated workloads")
    parser.add_argument("--repeats", type=int, default=9, help="samples of each op")
    parser.add_argument("--worst", type=int, default=25, help="how many of the worst to show")
    parser.add_argument("--json", type=Path, help="file to write")
    given = parser.parse_args(arguments)
    rows: list[NodeTime] = []
    for name in given.only.split(","):
        found = list(node_times(name, given.repeats))
        rows += found
        middle = statistics.median(row.error for row in found)
        print(f"{name}: {len(found)} different ops, median error {middle:.0%}", flush=True)
    worst = sorted(rows, key=lambda row: abs(row.predicted - row.measured), reverse=True)
    print(f"\nwhere the most seconds are missed:\n{table(worst[: given.worst])}")
    median = statistics.median(row.error for row in rows)
    print(f"\n{len(rows)} ops, median error {median:.0%} (at most {TARGET:.0%} is promised)")
    if given.json is not None:
        stored = {"machine": machine(), "ceilings": asdict(ceilings(default_target())),
                  "median_error": median, "nodes": [asdict(row) for row in rows]}  # fmt: skip
        given.json.write_text(json.dumps(stored, indent=1))
    return 0 if median <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
