"""`Pipeline`: runs passes in order under observers (timing, dumping, verifying, statistics)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphc import config
from graphc.errors import VerifyError
from graphc.ir import Graph
from graphc.nested import apply_everywhere
from graphc.passes import PASSES
from graphc.passes.base import AnyPass, Mode
from graphc.rewrite import Event
from graphc.verify import verify


class Observer:
    """Watches a pipeline; every hook is optional."""

    def before(self, step: AnyPass, graph: Graph) -> None:
        """Called before a pass runs."""

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Called after a pass; `new is old` when it changed nothing."""


@dataclass
class PassRecord(Observer):
    """Keeps what each pass did, for the report: rule events, node counts and seconds."""

    rows: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    _started: float = 0.0

    def before(self, step: AnyPass, graph: Graph) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Keep one row."""
        seconds = time.perf_counter() - self._started
        self.rows.append(
            {
                "pass": step.name,
                "changed": new is not old,
                "nodes": (len(old.nodes), len(new.nodes)),
                "fired": [event for event in events if event.reason is None],
                "declined": [event for event in events if event.reason is not None],
                "seconds": seconds,
            }
        )


class Verifying(Observer):
    """Verifies the graph after each pass that changed it, and names the pass that broke it."""

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Verify."""
        if new is old:
            return
        try:
            verify(new)
        except VerifyError as error:
            raise VerifyError(f"The pass {step.name!r} broke the graph: {error}") from error


class Dumping(Observer):
    """Writes the graph before and after each pass that changed it into a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = sum(1 for _ in self.folder.glob("*.txt"))

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Write two files when the graph changed."""
        if new is old:
            return
        for moment, graph in (("before", old), ("after", new)):
            name = f"{self.count:03d}_{step.name}_{moment}.txt"
            (self.folder / name).write_text(f"{graph}\n", encoding="utf-8")
            self.count += 1


class Printing(Observer):
    """Prints one line a pass (level 1) and the changed graphs (level 3)."""

    def __init__(self, level: int) -> None:
        self.level = level

    def after(self, step: AnyPass, old: Graph, new: Graph, events: Sequence[Event]) -> None:
        """Print."""
        fired = sum(event.reason is None for event in events)
        print(f"graphc: {step.name}: {fired} rewrites, {len(old.nodes)} -> {len(new.nodes)} nodes")
        if self.level >= 3 and new is not old:
            print(new)


@dataclass(frozen=True)
class Pipeline:
    """A sequence of passes as one function from graph to graph."""

    passes: tuple[AnyPass, ...] = PASSES

    def __call__(self, graph: Graph, mode: Mode, observers: Sequence[Observer] = ()) -> Graph:
        """Run the passes that hold in `mode`, those switched off by `GRAPHC_PASSES` left out."""
        watching = (*observers, *_configured_observers())
        for step in selected_passes(self.passes, mode):
            for observer in watching:
                observer.before(step, graph)
            after, events = apply_everywhere(step, graph)
            for observer in watching:
                observer.after(step, graph, after, events)
            graph = after
        return graph


def selected_passes(passes: Sequence[AnyPass], mode: Mode) -> tuple[AnyPass, ...]:
    """Return the passes that hold in this mode and that the configuration leaves on.

    Raises:
        ValueError: `GRAPHC_PASSES` names a pass that does not exist.
    """
    return tuple(step for step in enabled_passes(passes) if mode in step.modes)


def enabled_passes(passes: Sequence[AnyPass]) -> tuple[AnyPass, ...]:
    """Return the passes that the configuration leaves on, whatever the mode.

    Raises:
        ValueError: `GRAPHC_PASSES` names a pass that does not exist.
    """
    names = config.PASSES.value
    known = {step.name for step in passes}
    unknown = [name for name in names if name.removeprefix("-") not in known]
    if unknown:
        raise ValueError(
            f"GRAPHC_PASSES: expected names among {sorted(known)}. Received: {unknown}"
        )
    off = {name.removeprefix("-") for name in names if name.startswith("-")}
    only = {name for name in names if not name.startswith("-")}
    chosen = [s for s in passes if s.name not in off and (not only or s.name in only)]
    limit = config.PASS_LIMIT.value
    return tuple(chosen if limit < 0 else chosen[:limit])


def _configured_observers() -> tuple[Observer, ...]:
    observers: list[Observer] = []
    if config.VERIFY.value:
        observers.append(Verifying())
    if config.DUMP.value:
        observers.append(Dumping(config.DUMP.value))
    if config.DEBUG.value:
        observers.append(Printing(config.DEBUG.value))
    return tuple(observers)
