"""Trials as tables of `rich`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.table import Table

from graphc.keras_tuner.engine.trial import Trial
from graphc.report.live import shown, span

if TYPE_CHECKING:
    from graphc.keras_tuner.engine.oracle import Oracle


def values_of(trial: Trial) -> dict[str, Any]:
    """Return the values of a trial, without what the tuner has added for itself."""
    values = trial.hyperparameters.values
    return {name: value for name, value in values.items() if not name.startswith("tuner/")}


def hall_of_fame(oracle: Oracle, count: int) -> Table:
    """Return the best trials, one a row, with their values."""
    best = oracle.get_best_trials(count)
    names = list(dict.fromkeys(name for trial in best for name in values_of(trial)))
    table = Table(title=f"Best trials by {oracle.objective.name} ({oracle.objective.direction})")
    for heading in ("", "trial", oracle.objective.name, *names, "epoch", "time"):
        table.add_column(heading)
    for place, trial in enumerate(best, start=1):
        row = [place, trial.trial_id, trial.score, *(values_of(trial).get(one) for one in names)]
        table.add_row(*map(shown, row), shown(trial.best_step), span(trial.seconds))
    return table


def running_table(title: str, trials: Iterable[Trial], progress: dict[str, str]) -> Table:
    """Return trials one a row, with what each is at."""
    table = Table(title=title, title_justify="left", expand=False)
    for heading in ("trial", "state", "score", "time", "values"):
        table.add_column(heading, overflow="fold")
    for trial in trials:
        state = progress.get(trial.trial_id, trial.status.lower())
        pairs = ", ".join(f"{name}={shown(value)}" for name, value in values_of(trial).items())
        seconds = span(trial.seconds) if trial.seconds else ""
        table.add_row(trial.trial_id, state, shown(trial.score), seconds, pairs)
    return table
