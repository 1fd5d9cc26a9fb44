"""How each measure is taken: peers in turns, each in its own process, one at work at a time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from peers import OURS, PEERS, PeerProcess, import_seconds, started
from tables import Row
from targets import IMPORT, target
from workloads import QUICK_ROWS, Workload

Samples = dict[str, list[float]]
STEADY = ("epoch", "epoch_validated", "predict")
ALL = (*STEADY, "memory", "first_cold", "first_warm")
LEAST_TURNS = 3  # fewer samples have no spread worth the name


@dataclass(frozen=True)
class Effort:
    """How often things are measured, which, and on how many rows.

    `repeats` samples an epoch and an import, but no more turns (and three at least) than `seconds`
    hold; `fresh` processes for a first epoch, `calls` of predict for a sample, and the first
    `rows` rows of the data (None: all).
    """

    repeats: int = 7
    seconds: float = 120.0
    fresh: int = 3
    calls: int = 100
    rows: int | None = None
    measures: tuple[str, ...] = ALL


QUICK = Effort(repeats=2, fresh=1, calls=3, rows=QUICK_ROWS)
FAST = Effort(repeats=3, seconds=30.0, calls=30, measures=("epoch", "predict"))


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


def warm_turns(sample: Mapping[str, Callable[[], float]], effort: Effort) -> Samples:
    """Samples after a turn that warms up, as many as the effort allows."""
    begin = time.perf_counter()
    take_turns(sample, 1)
    affordable = int(effort.seconds / (time.perf_counter() - begin))
    return take_turns(sample, min(effort.repeats, max(affordable, LEAST_TURNS)))


def rows_of(workload: Workload, measure: str, samples: Mapping[str, Iterable[float]]) -> list[Row]:
    """Ours against each peer."""
    ours = tuple(samples[OURS])
    return [
        Row(workload.name, measure, peer, ours, tuple(theirs), target(workload, measure, peer))
        for peer, theirs in samples.items()
        if peer != OURS
    ]


@contextmanager
def stored(workload: Workload, rows: int | None) -> Iterator[tuple[dict[str, str], str]]:
    """The arguments with which a worker loads a workload, and what its data is."""
    source = workload.load()
    source = source if rows is None else source.head(rows)
    with tempfile.TemporaryDirectory(prefix="graphc-bench-") as folder:
        file = str(Path(folder) / "data.npz")
        np.savez(file, **source.arrays)
        yield {"workload": workload.name, "file": file}, source.text


def taking_part(workload: Workload, peers: Iterable[str]) -> tuple[str, ...]:
    """Ours, and the peers that have the workload."""
    return (OURS, *(name for name in peers if workload.is_native or not PEERS[name].is_native))


def measure_workload(workload: Workload, peers: Iterable[str], effort: Effort) -> Result:
    """Everything about one workload."""
    names = taking_part(workload, peers)
    with stored(workload, effort.rows) as (load, text), ExitStack() as stack:
        cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="graphc-cache-"))
        workers = {name: stack.enter_context(started(name, Path(cache))) for name in names}
        firsts: Samples = {}
        for name, worker in workers.items():
            worker.ask("load", **load)
            firsts[name] = [worker.ask("first")]
        rows, losses = steady_state(workload, workers, effort)
        facts = {name: worker.ask("facts") for name, worker in workers.items()}
        stack.close()
        if "first_cold" in effort.measures:
            rows += first_epochs(workload, load, firsts, effort.fresh)
    return Result(tuple(rows), text, losses, facts)


def steady_state(
    workload: Workload, workers: Mapping[str, PeerProcess], effort: Effort
) -> tuple[list[Row], dict[str, float]]:
    """Epoch and predict times of warm, long-lived processes, and what memory they came to hold.

    Also their losses, after the epochs that all have trained for: not all are validated.
    """
    arguments = {name: {"epochs": workload.epochs} for name in STEADY}
    arguments["predict"] = {"calls": effort.calls}
    rows: list[Row] = []
    losses: dict[str, float] = {}
    for measure in STEADY:
        if measure not in workload.targets or measure not in effort.measures:
            continue
        request = {"do": measure, **arguments[measure]}
        take = {
            name: bound(worker.ask, request)
            for name, worker in workers.items()
            if measure != "epoch_validated" or not PEERS[name].is_native
        }
        rows += rows_of(workload, measure, warm_turns(take, effort))
        losses = losses or {name: worker.ask("loss") for name, worker in workers.items()}
    if "memory" in effort.measures:
        held = {name: [worker.ask("peak_memory")] for name, worker in workers.items()}
        rows += rows_of(workload, "memory", held)
    return rows, losses


def bound(ask: Callable[..., Any], request: Mapping[str, Any]) -> Callable[[], float]:
    """A request as a function without arguments."""
    return lambda: ask(**request)


def first_epochs(
    workload: Workload, load: Mapping[str, str], firsts: Samples, processes: int
) -> list[Row]:
    """Build, compile and first epoch of fresh processes: cold, then with our disk cache warm.

    `firsts` has one sample of each. More are taken of the peers against which something was
    promised. The warm rows repeat the cold times of the peers, which keep no cache.
    """
    judged = [
        name for name in firsts if name == OURS or target(workload, "first_cold", name) is not None
    ]
    warm: list[float] = []

    def sample(name: str) -> float:
        with tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache:
            cold = fresh_first(name, load, Path(cache))
            if name == OURS:
                warm.append(fresh_first(name, load, Path(cache)))
        return cold

    more = take_turns(
        {name: bound(sample, {"name": name}) for name in judged}, max(processes - 1, 1)
    )
    cold = {name: [*first, *more.get(name, ())] for name, first in firsts.items()}
    judged_cold = {name: cold[name] for name in judged}
    return [
        *rows_of(workload, "first_cold", cold),
        *rows_of(workload, "first_warm", judged_cold | {OURS: warm}),
    ]


def fresh_first(
    name: str, load: Mapping[str, str], cache: Path, switches: Mapping[str, str] | None = None
) -> float:
    """Seconds of a fresh process's first epoch; its import is not counted."""
    with started(name, cache, switches) as worker:
        worker.ask("load", **load)
        return worker.ask("first")


def measure_imports(peers: Sequence[str], effort: Effort) -> Result:
    """Import times of fresh processes, the first of which only warms the disk up."""
    distinct = {PEERS[name].statement: name for name in reversed(peers)}
    with tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache:
        take = {
            name: bound(import_seconds, {"name": name, "cache": Path(cache)})
            for name in (OURS, *reversed(distinct.values()))
        }
        take_turns(take, 1)
        samples = take_turns(take, effort.repeats)
    ours = tuple(samples.pop(OURS))
    rows = (
        Row("all", "import", name, ours, tuple(theirs), IMPORT.get(name))
        for name, theirs in samples.items()
    )
    return Result(tuple(rows))
