"""What graphc is to reach against its peers: row by row, and over all the workloads."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tables import Row
from workloads import WORKLOADS, Workload

COUNTED = tuple(name for name, workload in WORKLOADS.items() if workload.is_native)
IMPORT = {"keras": 1 / 0.7}  # ours takes at most 0.7 of Keras's time
NATIVE: Mapping[str, Mapping[str, float]] = {
    "torch_eager": {"epoch": 0.8},
    "torch_compiled": {"epoch": 0.8},
    "flax": {"epoch": 1.0},
}


def target(workload: Workload, measure: str, peer: str) -> float | None:
    """How many times less ours must be; None where nothing was promised."""
    return (workload.targets if peer == "keras" else NATIVE[peer]).get(measure)


@dataclass(frozen=True)
class Claim:
    """A promise over all the workloads, against the better of some peers on each.

    `mean` is what the geometric mean of how many times less ours is must reach, `least` what each
    workload must; None where nothing was promised.
    """

    measure: str
    title: str
    peers: tuple[str, ...]
    mean: float | None = None
    least: float | None = None


CLAIMS = (
    Claim("epoch", "Keras", ("keras",), mean=2.5, least=1.05),
    Claim("first_cold", "Keras", ("keras",), mean=1.5),
    Claim("predict", "Keras", ("keras",), least=2.0),
    Claim("memory", "Keras", ("keras",), least=1.0),
    Claim("epoch", "the better PyTorch", ("torch_eager", "torch_compiled"), mean=1.5, least=0.8),
    Claim("epoch", "Flax", ("flax",), least=1.0),
)


@dataclass(frozen=True)
class Finding:
    """What was measured for a claim: the row of each workload's better peer."""

    claim: Claim
    rows: tuple[Row, ...]

    @property
    def mean(self) -> float:
        """The geometric mean over the workloads."""
        return statistics.geometric_mean(row.times for row in self.rows)

    @property
    def lowest(self) -> Row:
        """The workload that gains least."""
        return min(self.rows, key=lambda row: row.times)

    @property
    def below(self) -> tuple[str, ...]:
        """The workloads that miss the least, beyond what the noise may explain at "no slower"."""
        least = self.claim.least
        if least is None:
            return ()
        missed = (row for row in self.rows if row.judged(least) != "met")
        return tuple(row.workload for row in missed)

    @property
    def complete(self) -> bool:
        """Whether all the workloads were measured: a part of them decides nothing."""
        return {row.workload for row in self.rows} == set(COUNTED)

    @property
    def verdict(self) -> str:
        """ "met", "not met", or "open" while workloads are missing."""
        if not self.complete:
            return "open"
        reached = self.claim.mean is None or self.mean >= self.claim.mean
        return "met" if reached and not self.below else "not met"

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {
            **vars(self.claim),
            "workloads": {row.workload: row.times for row in self.rows},
            "geometric_mean": self.mean,
            "below": self.below,
            "verdict": self.verdict,
        }

    def __str__(self) -> str:
        lowest = self.lowest
        parts = [
            f"geometric mean {self.mean:.2f}x{promised(self.claim.mean)}",
            f"lowest {lowest.times:.2f}x on {lowest.workload}{promised(self.claim.least)}",
        ]
        if self.below:
            parts.append(f"below it: {', '.join(self.below)}")
        name = f"{self.claim.measure} against {self.claim.title}"
        count = f"{len(self.rows)} of {len(COUNTED)} workloads"
        return f"{name}, {count}: {'; '.join(parts)}: {self.verdict}"


def promised(value: float | None) -> str:
    """A target in brackets, where there is one."""
    return "" if value is None else f" (target {value:.2f}x)"


def better(rows: Sequence[Row], claim: Claim) -> tuple[Row, ...]:
    """Each workload's row of the peer that ours gains least on, where all of them were measured."""
    chosen: list[Row] = []
    for name in COUNTED:
        own = [
            row
            for row in rows
            if row.workload == name and row.measure == claim.measure and row.peer in claim.peers
        ]
        if len(own) == len(claim.peers):
            chosen.append(min(own, key=lambda row: row.times))
    return tuple(chosen)


def findings(rows: Iterable[Row]) -> list[Finding]:
    """What the rows say of each claim; claims of which nothing was measured are left out."""
    known = list(rows)
    found = (Finding(claim, better(known, claim)) for claim in CLAIMS)
    return [finding for finding in found if finding.rows]
