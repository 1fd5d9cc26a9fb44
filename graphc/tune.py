"""`graphc.tune`: measure what a model may choose between, and keep what was fastest.

Nothing is tuned unasked, and a measurement is looked up by shapes, never taken again: the same run
twice picks the same kernels, options of XLA and form of the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import jax

from graphc.body import bodies_of
from graphc.cost.formulas import FREE, node_cost
from graphc.cost.measure import node_seconds
from graphc.ir import Graph, Node
from graphc.kernels.registry import Kernel, candidates, signature_key
from graphc.kernels.tuned import TABLES, load
from graphc.lower import default_target, signature
from graphc.measured import Measured, keep, tables
from graphc.pipeline import Pipeline
from graphc.show import trace_of
from graphc.spec import Target
from graphc.tune_program import StepToTune, measured_step

LEAST_FLOPS = 1_000  # of a node: less is over before it has begun, whatever the kernel


@dataclass(frozen=True)
class Tuning:
    """What `tune` did: print it."""

    rows: tuple[Measured, ...]
    path: Path

    def __str__(self) -> str:
        if not self.rows:
            return "Nothing to tune: no op of this model has two kernels that can run it here."
        changed = sum(row.entry.best != row.usual for row in self.rows)
        head = f"{len(self.rows)} choices measured, {changed} changed; kept in {self.path}"
        return "\n".join([head, *(f"  {row}" for row in self.rows)])


def tune(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    mode: Literal["train", "infer", "test"] = "train",
    batch_size: int = 32,
    path: str | Path | None = None,
    repeats: int = 9,
    progress: bool = False,
) -> Tuning:
    """Measure the alternatives of every op of a model on its real shapes, and keep the fastest.

    In training mode XLA's options for the whole step and the form of the loop are measured after
    the ops: on the step that `fit` compiles for such data, with plain gradient descent, on copies
    of the weights. What is written is read by every later process on this machine (and by this one
    from now on); `GRAPHC_TUNED=0` ignores it.

    Args:
        model: a model or a graph; what it computes with is not touched.
        x, y: data as for `fit`, of which the first batch gives the shapes of ops, and the first
            rows are what whole steps run on; the shapes of the last run of this mode and made-up
            numbers when not given.
        mode: "train" measures forward and backward, the others forward.
        batch_size: rows of a batch.
        path: the file to write, the user's own table by default.
        repeats: samples of each measurement, of which the median counts.
        progress: whether to print each result as it comes.

    Raises:
        ValueError: an unknown mode.
        TypeError: neither a model nor a graph.
    """
    training = mode == "train"
    step = _step_of(model, x, y, batch_size) if training else None
    graph = _forward_of(model, mode, x, y, batch_size) if step is None else step.step.graph
    rows = _told(measured(graph, default_target(), training=training, repeats=repeats), progress)
    file = keep(rows, path)
    if step is not None:
        # By the kernels just chosen, even if their table is not one that is read unasked.
        target = replace(default_target(), measured=load([*tables(), file]))
        rows += _told(measured_step(step, target, repeats=repeats), progress)
    return Tuning(tuple(rows), keep(rows, path))


def _step_of(model: Any, x: Any, y: Any, batch_size: int) -> StepToTune | None:
    """Return a model's training step as its `fit` compiles it; None where it compiles none."""
    find = getattr(model, "__graphc_step__", None)
    return None if find is None else find(x, y, batch_size)


def _forward_of(model: Any, mode: str, x: Any, y: Any, batch_size: int) -> Graph:
    """Return what a model computes on a batch, optimised."""
    traced = trace_of(model, mode, _first_rows(x, batch_size), _first_rows(y, batch_size))
    return Pipeline()(traced.graph, "train" if mode == "train" else "infer")


def _told(found: Iterator[Measured], progress: bool) -> list[Measured]:
    """Return what is found, each printed as it comes where that is wanted."""
    rows: list[Measured] = []
    for row in found:
        rows.append(row)
        if progress:
            print(row, flush=True)
    return rows


def tune_unasked(graph: Graph, *, training: bool) -> None:
    """Measure what no table knows of an optimised graph, and keep it: `GRAPHC_AUTOTUNE=1`."""
    rows = list(measured(graph, default_target(), training=training, repeats=9, only_new=True))
    if rows:
        keep(rows)


def _first_rows(data: Any, count: int) -> Any:
    def cut(leaf: Any) -> Any:
        return leaf[:count] if hasattr(leaf, "shape") else leaf

    return jax.tree.map(cut, data)


def measured(
    graph: Graph, target: Target, *, training: bool, repeats: int, only_new: bool = False
) -> Iterator[Measured]:
    """Yield what is measured of a graph, one signature after another; `only_new`: not yet known."""
    plain = Target(target.platform, target.tiers)  # the choice without any table
    known = TABLES[target.measured] if only_new else {}
    found: dict[str, list[Node]] = {}
    for node in _opened(graph):
        if node_cost(node).flops >= LEAST_FLOPS and not any(bodies_of(node)):
            found.setdefault(signature_key(node.op, signature(node)), []).append(node)
    for key, nodes in found.items():
        kernels = candidates(nodes[0].op, signature(nodes[0]), plain)
        if len(kernels) > 1 and key not in known:
            layers = tuple(dict.fromkeys(node.scope or "the model" for node in nodes))
            yield _compared(key, nodes[0], layers, kernels, plain, training, repeats)


def _compared(
    key: str,
    node: Node,
    layers: tuple[str, ...],
    kernels: tuple[Kernel, ...],
    target: Target,
    training: bool,
    repeats: int,
) -> Measured:
    seconds = {
        kernel.name: node_seconds(node, kernel, target, training=training, repeats=repeats)
        for kernel in kernels
    }
    usual = max(kernels, key=lambda k: (target.tiers.index(k.tier), kernels.index(k))).name
    return Measured.of(node.op, key, layers, usual, seconds)


def _opened(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph and of the bodies in it: what runs in a loop is tuned, too."""
    for node in graph.nodes:
        if node.op in FREE:
            continue
        yield node
        for body in bodies_of(node):
            yield from _opened(body.graph)
