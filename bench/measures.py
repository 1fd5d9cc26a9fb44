"""How each measure is taken: peers in turns, each in its own process, one at work at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peers import OURS, import_seconds, started
from tables import Row
from workloads import QUICK_ROWS, Workload

IMPORT_TARGET = 1 / 0.7  # ours takes at most 0.7 of the peer's time
Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Effort:
    """How often things are measured, and on how many rows.

    `repeats` samples an epoch and an import, `fresh` processes for a first epoch, `calls` of
    predict for a sample, and the first `rows` rows of the data (None: all).
    """

    repeats: int = 7
    fresh: int = 3
    calls: int = 100
    rows: int | None = None


QUICK = Effort(repeats=2, fresh=1, calls=3, rows=QUICK_ROWS)


@dataclass(frozen=True)
class Result:
    """The rows of one workload, with what it trained on and what it learned."""

    rows: tuple[Row, ...]
    data: str = ""
    losses: Mapping[str, float] | None = None
    facts: Mapping[str, Any] | None = None


def take_turns(sample: Mapping[str, Callable[[], float]], turns: int) -> Samples:
    """Samples of each, taken in turns; who begins a turn changes from turn to turn."""
    taken: Samples = {name: [] for name in sample}
    names = list(sample)
    for turn in range(turns):
        for name in names if turn % 2 == 0 else reversed(names):
            taken[name].append(sample[name]())
    return taken


def rows_of(
    workload: str, measure: str, samples: Mapping[str, Iterable[float]], target: float | None
) -> list[Row]:
    """Ours against each peer."""
    ours = tuple(samples[OURS])
    return [
        Row(workload, measure, peer, ours, tuple(theirs), target)
        for peer, theirs in samples.items()
        if peer != OURS
    ]


def measure_workload(workload: Workload, peers: Iterable[str], effort: Effort) -> Result:
    """Everything about one workload."""
    names = (OURS, *peers)
    source = workload.load()
    source = source if effort.rows is None else source.head(effort.rows)
    with tempfile.TemporaryDirectory(prefix="graphc-bench-") as folder:
        file = str(Path(folder) / "data.npz")
        np.savez(file, **source.arrays)
        load = {"workload": workload.name, "file": file}
        first = first_epochs(workload, load, names, effort.fresh)
        steady = steady_state(workload, load, names, effort, Path(folder))
    return Result((*steady.rows, *first), source.text, steady.losses, steady.facts)


def steady_state(
    workload: Workload, load: dict[str, str], names: Iterable[str], effort: Effort, folder: Path
) -> Result:
    """Epoch and predict times of warm, long-lived processes, and what memory they came to hold."""
    asked: dict[str, dict[str, Any]] = {
        "epoch": {"do": "epoch", "validated": False, "epochs": workload.epochs},
        "epoch_validated": {"do": "epoch", "validated": True, "epochs": workload.epochs},
        "predict": {"do": "predict", "calls": effort.calls},
    }
    rows: list[Row] = []
    with ExitStack() as stack:
        workers = {name: stack.enter_context(started(name, folder)) for name in names}
        for worker in workers.values():
            worker.ask("load", **load)
            worker.ask("first")
        for measure, request in asked.items():
            if measure not in workload.targets:
                continue
            take = {name: bound(worker.ask, request) for name, worker in workers.items()}
            take_turns(take, 1)  # warms up
            samples = take_turns(take, effort.repeats)
            rows += rows_of(workload.name, measure, samples, workload.targets[measure])
        memory = {name: [worker.ask("peak_memory")] for name, worker in workers.items()}
        losses = {name: worker.ask("loss") for name, worker in workers.items()}
        facts = {name: worker.ask("facts") for name, worker in workers.items()}
    rows += rows_of(workload.name, "memory", memory, None)
    return Result(tuple(rows), losses=losses, facts=facts)


def bound(ask: Callable[..., Any], request: Mapping[str, Any]) -> Callable[[], float]:
    """A request as a function without arguments."""
    return lambda: ask(**request)


def first_epochs(
    workload: Workload, load: dict[str, str], names: Iterable[str], turns: int
) -> list[Row]:
    """Build, compile and first epoch of fresh processes: cold, then with our disk cache warm.

    In the warm rows the peers' times are again those of the cold ones: they keep no cache.
    """
    warm: list[float] = []

    def sample(name: str) -> float:
        with tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache:
            cold = fresh_first(name, load, Path(cache))
            if name == OURS:
                warm.append(fresh_first(name, load, Path(cache)))
        return cold

    cold = take_turns({name: bound(sample, {"name": name}) for name in names}, turns)
    return [
        *rows_of(workload.name, "first_cold", cold, workload.targets["first_cold"]),
        *rows_of(
            workload.name, "first_warm", cold | {OURS: warm}, workload.targets["first_warm"]
        ),
    ]  # fmt: skip


def fresh_first(name: str, load: dict[str, str], cache: Path) -> float:
    """Seconds of a fresh process's first epoch; its import is not counted."""
    with started(name, cache) as worker:
        worker.ask("load", **load)
        return worker.ask("first")


def measure_imports(peers: Iterable[str], effort: Effort) -> Result:
    """Import times of fresh processes, the first of which only warms the disk up."""
    with tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache:
        take = {
            name: bound(import_seconds, {"name": name, "cache": Path(cache)})
            for name in (OURS, *peers)
        }
        take_turns(take, 1)
        samples = take_turns(take, effort.repeats)
    return Result(tuple(rows_of("all", "import", samples, IMPORT_TARGET)))
