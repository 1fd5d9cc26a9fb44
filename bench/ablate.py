"""What each pass and kernel tier buys: ours alone, with one of them switched off at a time."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measures import Effort, Samples, bound, fresh_first, stored, take_turns, warm_turns
from peers import OURS, started
from tables import Row, duration
from timing import median
from workloads import Workload

from graphc.kernels.registry import TIERS
from graphc.passes import PASSES

FULL = "full"
KERNELS = "kernels"  # every kernel that is not a reference
SWITCHES: dict[str, dict[str, str]] = {
    **{step.name: {"GRAPHC_PASSES": f"-{step.name}"} for step in PASSES},
    **{
        tier: {"GRAPHC_KERNELS": ",".join(other for other in TIERS if other != tier)}
        for tier in TIERS[1:]
    },
    KERNELS: {"GRAPHC_KERNELS": TIERS[0]},
}
MEASURES = ("epoch", "first_cold")


@dataclass(frozen=True)
class Ablation:
    """One workload without each part in turn: `same` names the parts that change nothing in it.

    A row's "peer" is the part that is off, its times what the part buys.
    """

    workload: str
    rows: tuple[Row, ...]
    same: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The ablation as plain data."""
        return {
            "workload": self.workload,
            "rows": [row.as_dict() for row in self.rows],
            "same": self.same,
        }


def ablate_workload(workload: Workload, parts: Iterable[str], effort: Effort) -> Ablation:
    """Time ours with everything and without each part that changes the training step."""
    parts = tuple(parts)
    with stored(workload, effort.rows) as (load, _):
        plans = plans_of(load, parts)
        twins = first_with_each(plans)
        variants = tuple(dict.fromkeys(twins.values()))
        steady = steady_epochs(workload, load, variants, effort) if len(variants) > 1 else {}
        cold: Samples = {}
        if len(variants) > 1 and "first_cold" in effort.measures:
            cold = cold_starts(load, variants, effort.fresh)
    same = tuple(part for part in parts if twins[part] == FULL)
    changed = [part for part in parts if part not in same]
    rows = [
        Row(workload.name, measure, part, tuple(samples[FULL]), tuple(samples[twins[part]]))
        for measure, samples in zip(MEASURES, (steady, cold), strict=True)
        for part in changed
        if samples
    ]
    return Ablation(workload.name, tuple(rows), same)


def plans_of(load: Mapping[str, str], parts: Iterable[str]) -> dict[str, str]:
    """The fingerprint of the training step with everything, and without each part."""
    switches = {FULL: {}, **{part: SWITCHES[part] for part in parts}}
    with (
        tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache,
        started(OURS, Path(cache)) as worker,
    ):
        worker.ask("load", **load)
        return worker.ask("plans", switches=switches)


def first_with_each(plans: Mapping[str, str]) -> dict[str, str]:
    """Each name's twin: the first name that has the same plan, so that it is timed once."""
    firsts: dict[str, str] = {}
    return {name: firsts.setdefault(plan, name) for name, plan in plans.items()}


def switches_of(variant: str) -> dict[str, str]:
    """The environment of a variant: none for the full pipeline."""
    return SWITCHES.get(variant, {})


def steady_epochs(
    workload: Workload, load: Mapping[str, str], variants: Iterable[str], effort: Effort
) -> Samples:
    """Epoch times of warm processes, one a variant, in turns."""
    with ExitStack() as stack:
        take: dict[str, Any] = {}
        for name in variants:
            cache = stack.enter_context(tempfile.TemporaryDirectory(prefix="graphc-cache-"))
            worker = stack.enter_context(started(OURS, Path(cache), switches_of(name)))
            worker.ask("load", **load)
            worker.ask("first")
            take[name] = bound(worker.ask, {"do": "epoch", "epochs": workload.epochs})
        return warm_turns(take, effort)


def cold_starts(load: Mapping[str, str], variants: Iterable[str], turns: int) -> Samples:
    """Build, compile and first epoch of fresh processes without a disk cache, in turns."""

    def sample(name: str) -> float:
        with tempfile.TemporaryDirectory(prefix="graphc-cache-") as cache:
            return fresh_first(OURS, load, Path(cache), switches_of(name))

    return take_turns({name: bound(sample, {"name": name}) for name in variants}, turns)


def cell(found: Ablation, measure: str, part: str) -> str:
    """What a part buys: "-" where it changes nothing, "~" where the spread hides it."""
    if part in found.same:
        return "-"
    row = next((r for r in found.rows if (r.measure, r.peer) == (measure, part)), None)
    if row is None:
        return ""
    return f"{row.times:.2f}x" if row.clear else "~"


def matrix(found: Iterable[Ablation], parts: Iterable[str]) -> str:
    """What each part buys on each workload: a table for each measure."""
    known, parts = list(found), tuple(parts)
    measures = [m for m in MEASURES if any(row.measure == m for one in known for row in one.rows)]
    first = max((len(part) for part in parts), default=0) + 2
    lines: list[str] = []
    for measure in measures:
        lines += ["", f"{measure}: how many times slower without"]
        lines.append(" " * first + "".join(one.workload.rjust(13) for one in known))
        lines.append("full".ljust(first) + "".join(full(one, measure).rjust(13) for one in known))
        for part in parts:
            cells = (cell(one, measure, part).rjust(13) for one in known)
            lines.append((part.ljust(first) + "".join(cells)).rstrip())
    return "\n".join(lines)


def full(found: Ablation, measure: str) -> str:
    """The time with everything, where it was taken."""
    row = next((row for row in found.rows if row.measure == measure), None)
    return "" if row is None else duration(median(row.ours))
