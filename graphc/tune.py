"""`graphc.tune`: measure the kernels that a model may choose between, and keep what was fastest.

Nothing is tuned unasked, and a measurement is looked up by shapes, never taken again: the same run
twice picks the same kernels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax

from graphc.body import bodies_of
from graphc.cost.formulas import FREE, node_cost
from graphc.cost.measure import node_seconds
from graphc.ir import Graph, Node
from graphc.kernels.registry import Kernel, candidates, signature_key
from graphc.kernels.tuned import TABLES, Entry, read, write
from graphc.lower import default_target, signature
from graphc.measured import choose_anew, device_name, tables
from graphc.pipeline import Pipeline
from graphc.show import trace_of
from graphc.spec import Target

MARGIN = 1.05  # how many times faster another kernel must be to take the place of the usual one
LEAST_FLOPS = 1_000  # of a node: less is over before it has begun, whatever the kernel


@dataclass(frozen=True)
class Measured:
    """What was measured of one op with one signature.

    Attributes:
        layers: the layer paths that it stands for.
        usual: the kernel that the tiers would choose.
        entry: the choice that is kept.
    """

    op: str
    key: str
    layers: tuple[str, ...]
    usual: str
    entry: Entry

    @property
    def gain(self) -> float:
        """How many times faster the choice is than the usual kernel."""
        return self.entry.seconds[self.usual] / self.entry.seconds[self.entry.best]

    def __str__(self) -> str:
        times = ", ".join(f"{k} {s * 1e3:.3g} ms" for k, s in self.entry.seconds.items())
        what = f"{self.gain:.2f}x by" if self.entry.best != self.usual else "kept:"
        return f"{self.op} in {', '.join(self.layers)}: {what} {self.entry.best} ({times})"


@dataclass(frozen=True)
class Tuning:
    """What `tune` did: print it."""

    rows: tuple[Measured, ...]
    path: Path

    def __str__(self) -> str:
        if not self.rows:
            return "Nothing to tune: no op of this model has two kernels that can run it here."
        changed = sum(row.entry.best != row.usual for row in self.rows)
        head = f"{len(self.rows)} ops measured, {changed} choices changed; kept in {self.path}"
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

    What is written is read by every later process on this machine (and by this one from now on);
    `GRAPHC_TUNED=0` ignores it.

    Args:
        model: a model or a graph; what it computes with is not touched.
        x, y: data as for `fit`, of which the first batch gives the shapes; those of the last run
            of this mode when not given.
        mode: "train" measures forward and backward, the others forward.
        batch_size: rows of a batch.
        path: the file to write, the user's own table by default.
        repeats: samples of each measurement, of which the median counts.
        progress: whether to print each result as it comes.

    Raises:
        ValueError: an unknown mode.
        TypeError: neither a model nor a graph.
    """
    traced = trace_of(model, mode, _first_rows(x, batch_size), _first_rows(y, batch_size)).graph
    graph = Pipeline()(traced, "train" if mode == "train" else "infer")
    rows: list[Measured] = []
    for row in measured(graph, default_target(), training=mode == "train", repeats=repeats):
        rows.append(row)
        if progress:
            print(row, flush=True)
    return Tuning(tuple(rows), keep(rows, path))


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
    fastest = min(seconds, key=lambda name: seconds[name])
    best = fastest if seconds[usual] > MARGIN * seconds[fastest] else usual
    return Measured(node.op, key, layers, usual, Entry(best, seconds))


def _opened(graph: Graph) -> Iterator[Node]:
    """Yield the nodes of a graph and of the bodies in it: what runs in a loop is tuned, too."""
    for node in graph.nodes:
        if node.op in FREE:
            continue
        yield node
        for body in bodies_of(node):
            yield from _opened(body.graph)


def keep(rows: Iterable[Measured], path: str | Path | None = None) -> Path:
    """Add choices to a table on disk, the user's by default, and go by it from now on."""
    file = tables()[1] if path is None else Path(path)
    table = read(file) | {row.key: row.entry for row in rows}
    write(file, table, {"device": device_name(), "jax": jax.__version__})
    choose_anew()
    return file
