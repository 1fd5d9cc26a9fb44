"""What a search of scikit-learn shows while it runs: a table in place, or a line a candidate."""

from __future__ import annotations

import copy
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from types import FunctionType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.table import Table

from graphc.keras.training.lane import Lane, Trained
from graphc.report.live import LiveTable, progress, shown, span
from graphc.sklearn.known import frozen

ROWS = 8  # candidates that the table shows: the best, those under way, and the last that ended
QUIET = 30.0  # seconds without a line after which one says how far the search is


class Watch:
    """Is told what a search does, and shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        del raised

    def begin(self, candidates: Sequence[Mapping[str, Any]], folds: int) -> Self:
        """Some candidates will be trained and scored."""
        return self

    def part(self, first: int) -> Self:
        """Those from a number on are made ready."""
        return self

    def expect(self, lane: Lane, number: int) -> None:
        """A lane is of a candidate of this part."""

    def observe(self, trained: Trained, ends: bool) -> None:
        """A lane did some epochs; any thread may say so."""

    def scored(self, estimator: Any, score: Any) -> None:
        """A candidate was scored on a fold."""

    @contextmanager
    def failing(self) -> Iterator[None]:
        """What is raised within ends the candidates that were begun last."""
        yield

    def end(self, results: Mapping[str, Any]) -> None:
        """All candidates so far are scored."""


@dataclass
class Row:
    """A candidate: `epochs` has what its lanes have done, and of how many."""

    number: int
    params: Mapping[str, Any]
    folds: int
    begun: float
    trained: int = 0
    epochs: dict[int, tuple[int, int]] = field(default_factory=dict)
    scores: list[float] = field(default_factory=list)
    mean: float = math.nan
    seconds: float = math.nan
    ended: bool = False
    lost: bool = False  # without a place in the results

    @property
    def fits(self) -> int:
        """How many fits are done."""
        return self.folds if self.ended else max(self.trained, len(self.scores))

    @property
    def state(self) -> str:
        """What the candidate is at."""
        if self.ended:
            return "failed" if math.isnan(self.mean) else "scored"
        if self.scores:
            return f"{len(self.scores)}/{self.folds} scored"
        if not self.epochs:
            return f"{self.trained}/{self.folds} trained" if self.trained else "waiting"
        done, of = min(self.epochs.values())
        return f"{self.trained}/{self.folds} trained, epoch {done}/{of}"

    @property
    def values(self) -> str:
        """The parameters as text."""
        return ", ".join(f"{name}={shown(value)}" for name, value in self.params.items())


class SearchTable(Watch):
    """Shows a search; on a terminal and in a notebook in place, elsewhere line by line.

    Args:
        total: how many candidates there will be, where more follow from the first ones.
        train_scores: whether rows that were trained on are scored too, after the others.
        console: where to; None for the standard output as it is when the search begins.
    """

    def __init__(
        self,
        total: int | None = None,
        *,
        train_scores: bool = False,
        console: Console | None = None,
    ) -> None:
        self.rows: list[Row] = []
        self._total, self._every = total, 1 + train_scores
        self._lock = threading.RLock()
        self._lanes: dict[Lane, Row] = {}
        self._first = self._calls = 0
        self._live = LiveTable(self.table, self.title, console)

    def __enter__(self) -> Self:
        self._begun = self._told = time.perf_counter()
        self._live.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._live.__exit__(*raised)

    def begin(self, candidates: Sequence[Mapping[str, Any]], folds: int) -> Self:
        with self._lock:
            self._first = len(self.rows)
            now = time.perf_counter()
            self.rows += [
                Row(self._first + number, dict(params), folds, now)
                for number, params in enumerate(candidates)
            ]
        return self

    def part(self, first: int) -> Self:
        with self._lock:
            self._lanes.clear()
            self._offset = self._first + first
        return self

    def expect(self, lane: Lane, number: int) -> None:
        with self._lock:
            self._lanes[lane] = self.rows[self._offset + number]

    def observe(self, trained: Trained, ends: bool) -> None:
        with self._lock:
            row = self._lanes.get(trained.lane)
            if row is None:
                return
            row.epochs[id(trained.lane)] = trained.epochs, trained.lane.epochs
            if ends:
                del row.epochs[id(trained.lane)]
                row.trained += 1
            if time.perf_counter() - self._told > QUIET:
                self._line(self.title())

    def scored(self, estimator: Any, score: Any) -> None:
        with self._lock:
            self._calls += 1
            row = self._row_of(estimator) if (self._calls - 1) % self._every == 0 else None
            if row is None:
                return
            value = next(iter(score.values())) if isinstance(score, Mapping) else score
            row.scores.append(float(value))
            if len(row.scores) == row.folds:
                self._end(row, float(np.mean(row.scores)))

    @contextmanager
    def failing(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            with self._lock:
                for row in self.rows[self._first :]:
                    row.lost = True
                    self._end(row, math.nan)
            raise

    def end(self, results: Mapping[str, Any]) -> None:
        means = next(value for name, value in results.items() if name.startswith("mean_test_"))
        with self._lock:
            rows = [row for row in self.rows if not row.lost]
            for row, mean in zip(rows, means, strict=True):
                if not row.ended:  # a fold failed
                    self._end(row, float(mean))
                row.mean = float(mean)

    def title(self) -> str:
        """Return how far the search is, at what rate, how long it will take, the best so far."""
        with self._lock:
            done = sum(row.fits for row in self.rows)
            folds = self.rows[-1].folds if self.rows else 0
            total = max(self._total or 0, len(self.rows)) * folds
            seconds = time.perf_counter() - self._begun
            parts = progress(done, total, "fits", now=done, seconds=seconds)
            best = self._best()
            if best is not None:
                parts.append(f"best {shown(best.mean)} (candidate {best.number})")
            return " · ".join(parts)

    def table(self) -> Table:
        """Return the best candidate, those under way, and the last that ended."""
        with self._lock:
            best = self._best()
            rows = [] if best is None else [best]
            rows += [row for row in self.rows if not row.ended][: ROWS - 1]
            last = [row for row in self.rows if row.ended and row is not best][::-1]
            rows += last[: max(0, ROWS - len(rows))]
            table = Table(title=self.title(), title_justify="left", expand=False)
            for heading in ("candidate", "state", "score", "time", "values"):
                table.add_column(heading, overflow="fold")
            for row in rows:
                seconds = "" if math.isnan(row.seconds) else span(row.seconds)
                score = "" if math.isnan(row.mean) else shown(row.mean)
                table.add_row(str(row.number), row.state, score, seconds, row.values)
            return table

    def _row_of(self, estimator: Any) -> Row | None:
        """Return the candidate that an estimator is of: they come in order, but some fail."""
        params = estimator.get_params()
        for row in self.rows[self._first :]:
            if not row.ended and all(
                name in params and frozen(params[name]) == frozen(value)
                for name, value in row.params.items()
            ):
                return row
        return None

    def _best(self) -> Row | None:
        scored = [row for row in self.rows if not math.isnan(row.mean)]
        return max(scored, key=lambda row: row.mean, default=None)

    def _end(self, row: Row, mean: float) -> None:
        row.ended, row.mean = True, mean
        row.seconds = time.perf_counter() - row.begun
        result = f"score {shown(mean)}" if not math.isnan(mean) else "failed"
        self._line(f"candidate {row.number} [{span(row.seconds)}] {result} | {row.values}")

    def _line(self, text: str) -> None:
        self._told = time.perf_counter()
        self._live.line(text)


def heard(scorer: Any, watch: Watch) -> Any:
    """Return a scorer that tells of every score; one of the same class, which others look at."""
    if type(watch) is Watch:
        return scorer
    if isinstance(scorer, FunctionType) or not hasattr(scorer, "__dict__"):
        return _telling(scorer, watch)
    other, kind = copy.copy(scorer), type(scorer)
    call = _telling(kind.__call__, watch, skip=1)
    other.__class__ = type(kind.__name__, (kind,), {"__call__": call})
    return other


def _telling(function: Callable[..., Any], watch: Watch, skip: int = 0) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        score = function(*args, **kwargs)
        watch.scored(args[skip], score)
        return score

    return call
