"""Rows of results, what they say against a target, and how they print."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from timing import differs, median, spread

WIDTHS = (11, 43, 16, 16, 9, 8)
HEADER = ("workload", "measure", "graphc", "peer", "times", "target")
MEASURES = {
    "epoch": "epoch",
    "epoch_validated": "epoch with validation",
    "first_cold": "build + compile + epoch, cold",
    "first_warm": "the same, our disk cache warm",
    "predict": "predict one row",
    "import": "import",
    "memory": "peak memory",
}


@dataclass(frozen=True)
class Row:
    """One measure of one workload, ours and a peer's.

    `ours` and `theirs` are raw samples in seconds or bytes; `target` says how many times less ours
    must be, None where nothing was promised.
    """

    workload: str
    measure: str
    peer: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    target: float | None = None

    @property
    def times(self) -> float:
        """How many times less ours is than the peer's, by the medians."""
        return median(self.theirs) / median(self.ours)

    @property
    def clear(self) -> bool:
        """Whether the difference stands out of the spread of the samples."""
        return differs(self.ours, self.theirs)

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty where there is none."""
        return "" if self.target is None else self.judged(self.target)

    def judged(self, target: float) -> str:
        """Whether a target is met; one of 1.0 or less forgives what the noise may explain."""
        if not self.clear:
            return "met" if target <= 1.0 else "not met"
        return "met" if self.times >= target else "not met"

    def as_dict(self) -> dict[str, Any]:
        """The row as plain data, raw samples first."""
        return vars(self) | {
            "ours_median": median(self.ours),
            "theirs_median": median(self.theirs),
            "ours_spread": spread(self.ours),
            "theirs_spread": spread(self.theirs),
            "times": self.times,
            "clear": self.clear,
            "verdict": self.verdict,
        }


def quantity(samples: Iterable[float], measure: str) -> str:
    """The median with its unit, and the spread in percent of it."""
    values = tuple(samples)
    middle = median(values)
    text = f"{middle / 2**20:.0f} MB" if measure == "memory" else duration(middle)
    return f"{text} ±{spread(values) / middle:.0%}" if len(values) > 1 else text


def duration(seconds: float) -> str:
    """Three digits and a unit that suits them."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def line(cells: Iterable[str]) -> str:
    """Cells in columns: text to the left, figures to the right."""
    padded = [
        text.ljust(width) if place < 2 else text.rjust(width)
        for place, (text, width) in enumerate(zip(cells, WIDTHS, strict=False))
    ]
    return "  ".join(padded)


def table(rows: Iterable[Row]) -> str:
    """The rows as text under a header; a difference within the spread is called none."""
    lines = [line(HEADER) + "  verdict"]
    lines.append("-" * len(lines[0]))
    for row in rows:
        cells = (
            row.workload,
            f"{MEASURES[row.measure]} / {row.peer}",
            quantity(row.ours, row.measure),
            quantity(row.theirs, row.measure),
            f"{row.times:.2f}x" if row.clear else "no diff.",
            "" if row.target is None else f"{row.target:.2f}x",
        )
        lines.append(f"{line(cells)}  {row.verdict}".rstrip())
    return "\n".join(lines)


def summary(rows: Iterable[Row]) -> str:
    """How many targets are met, and which are not."""
    judged = [row for row in rows if row.target is not None]
    missed = [
        f"{row.workload} {row.measure}" + (f" / {row.peer}" if row.peer != "keras" else "")
        for row in judged
        if row.verdict != "met"
    ]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets met"
    return f"{text}; not met: {', '.join(missed)}" if missed else text
