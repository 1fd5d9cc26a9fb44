"""What a search shows while it runs: a table that changes in place, or a line for each trial."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.table import Table

from graphc.keras_tuner.engine.trial import ENDED, Trial, TrialStatus
from graphc.keras_tuner.seeing.tables import running_table, values_of
from graphc.report.live import LiveTable, progress, shown, span

if TYPE_CHECKING:
    from graphc.keras_tuner.engine.base_tuner import BaseTuner

ROWS = 8  # trials that the table shows: the best, those that run, and the last that ended
SILENT = (0, False)


class SearchDisplay:
    """Shows a search; on a terminal and in a notebook in place, elsewhere line by line.

    Args:
        tuner: whose search it is.
        console: where to; None for the standard output as it is when the search begins.
    """

    def __init__(self, tuner: BaseTuner, console: Console | None = None) -> None:
        self._tuner, self.console = tuner, console
        self._live: LiveTable | None = None
        self._progress: dict[str, str] = {}
        self._begun, self._ended = 0.0, 0

    def __enter__(self) -> Self:
        self._begun, self._ended = time.perf_counter(), 0
        if self._tuner.oracle.verbose not in SILENT:
            self._live = LiveTable(self.table, self._closing, self.console).__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live is not None:
            self._live.__exit__(*raised)
        self._live = None
        self._progress.clear()

    def _closing(self) -> str:
        return self.title() if self._ended else ""

    def on_start(self, trial: Trial) -> None:
        """A trial begins to run."""
        self._progress[trial.trial_id] = "running"

    def on_epoch(self, trial: Trial, epoch: int, logs: dict[str, Any]) -> None:
        """An epoch of a trial has ended."""
        objective = self._tuner.oracle.objective
        value = f" {objective.get_value(logs):.4g}" if objective.has_value(logs) else ""
        self._progress[trial.trial_id] = f"epoch {epoch + 1}{value}"

    def on_end(self, trial: Trial) -> None:
        """A trial was run."""
        self._progress.pop(trial.trial_id, None)
        self._ended += trial.status in ENDED
        if self._live is not None:
            self._live.line(self._line(trial))

    def title(self) -> str:
        """Return how far the search is, at what rate, how long it will take, the best so far."""
        oracle = self._tuner.oracle
        done = sum(trial.status in ENDED for trial in list(oracle.trials.values()))
        taken = time.perf_counter() - self._begun
        parts = progress(done, oracle.max_trials, "trials", now=self._ended, seconds=taken)
        best = self._best()
        if best is not None:
            parts.append(f"best {oracle.objective.name} {shown(best.score)} ({best.trial_id})")
        return " · ".join(parts)

    def table(self) -> Table:
        """Return the best trial, those that run, and the last that ended."""
        trials = list(self._tuner.oracle.trials.values())
        running = [trial for trial in trials if trial.status == TrialStatus.RUNNING]
        ended = sorted((t for t in trials if t.ended is not None), key=lambda t: t.ended or 0)
        best = self._best()
        rows = ([best] if best else []) + running
        last = [trial for trial in ended if trial not in rows]
        rows += last[::-1][: max(0, ROWS - len(rows))]
        return running_table(self.title(), rows, dict(self._progress))

    def _best(self) -> Trial | None:
        objective = self._tuner.oracle.objective
        best = None
        for trial in list(self._tuner.oracle.trials.values()):
            if trial.status != TrialStatus.COMPLETED or trial.score is None:
                continue
            if best is None or objective.better_than(trial.score, best.score or 0.0):
                best = trial
        return best

    def _line(self, trial: Trial) -> str:
        name = self._tuner.oracle.objective.name
        pairs = ", ".join(f"{key}={shown(value)}" for key, value in values_of(trial).items())
        result = f"{name} {shown(trial.score)}"
        if trial.status != TrialStatus.COMPLETED:
            reason = (trial.message or "").strip().splitlines()
            result = f"{trial.status.lower()}: {reason[-1] if reason else 'no message'}"
        return f"trial {trial.trial_id} [{span(trial.seconds)}] {result} | {pairs}"
