"""One set of values that is tried, and what came of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.metrics_tracking import MetricsTracker


class TrialStatus:
    """What a trial is at: `INVALID` ones may be run again, `FAILED` ones not."""

    RUNNING = "RUNNING"
    IDLE = "IDLE"
    INVALID = "INVALID"
    STOPPED = "STOPPED"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


ENDED = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class Trial:
    """One set of values, and what came of it.

    Attributes:
        trial_id: unique in the project; also the name of the trial's folder.
        hyperparameters: the values, with the space that they are from.
        status: one of `TrialStatus`.
        message: why it failed, with the traceback; None if it did not.
        metrics: the numbers at the best epoch, the objective among them.
        score: the objective; None until it is known.
        best_step: the epoch with that score.
        curves: dict from the name of a metric to its means by epoch.
        seconds: how long it ran.
        runs: how often it was run to an end, be it a failure.
        ended: its place among the trials that have ended; None until then.
        note: what its oracle needs to know of it.
    """

    def __init__(
        self,
        hyperparameters: HyperParameters,
        trial_id: str,
        status: str = TrialStatus.RUNNING,
        message: str | None = None,
        note: dict[str, Any] | None = None,
    ) -> None:
        self.hyperparameters = hyperparameters
        self.trial_id = trial_id
        self.status = status
        self.message = message
        self.note = dict(note or {})
        self.metrics = MetricsTracker()
        self.score: float | None = None
        self.best_step: int | None = 0
        self.curves: dict[str, list[float]] = {}
        self.seconds = 0.0
        self.runs = 0
        self.ended: int | None = None

    def summary(self) -> None:
        """Print the values, the score, and why it failed."""
        print(f"Trial {self.trial_id} summary")
        print("Hyperparameters:")
        self.display_hyperparameters()
        if self.score is not None:
            print(f"Score: {self.score}")
        if self.message is not None:
            print(self.message)

    def display_hyperparameters(self) -> None:
        """Print the values."""
        for name, value in self.hyperparameters.values.items():
            print(f"{name}: {value}")
        if not self.hyperparameters.values:
            print("default configuration")

    def get_state(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            **vars(self),
            "hyperparameters": self.hyperparameters.get_config(),
            "metrics": self.metrics.get_config(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Return the trial that `get_state` described."""
        made = cls(HyperParameters.from_config(state["hyperparameters"]), state["trial_id"])
        plain = {key: value for key, value in state.items() if key in vars(made)}
        vars(made).update(plain)
        made.hyperparameters = HyperParameters.from_config(state["hyperparameters"])
        made.metrics = MetricsTracker.from_config(state["metrics"])
        return made

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the trial that a file describes."""
        return cls.from_state(json.loads(Path(path).read_text()))
