"""Runs trials: one after another. Others may run several at once, with the same interface."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from graphc.keras_tuner.engine.trial import Trial
from graphc.keras_tuner.errors import FatalError

if TYPE_CHECKING:
    from graphc.keras_tuner.engine.base_tuner import BaseTuner


@dataclass(frozen=True)
class TrialResult:
    """What came of a trial: what `run_trial` returned, or why it failed.

    Attributes:
        trial: the trial.
        results: a float, a dict, a `History`, or a list of those, as `run_trial` may return.
        error: the exception that ended it; None if it went well.
        message: its traceback.
        seconds: how long it took.
    """

    trial: Trial
    results: Any = None
    error: Exception | None = None
    message: str | None = None
    seconds: float = 0.0


class TrialRunner(Protocol):
    """Runs some trials of a tuner.

    `run` gives one result for each trial, as soon as it is there: each is kept before the next is
    asked for. It raises only what must end the search.
    """

    def run(
        self,
        tuner: BaseTuner,
        trials: Sequence[Trial],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Iterable[TrialResult]: ...


class SequentialRunner:
    """Calls `tuner.run_trial` for one trial after another."""

    def run(
        self,
        tuner: BaseTuner,
        trials: Sequence[Trial],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Iterator[TrialResult]:
        for trial in trials:
            yield run_one(tuner, trial, args, kwargs)


def run_one(
    tuner: BaseTuner, trial: Trial, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> TrialResult:
    """Run a trial; what it raises becomes part of the result.

    Raises:
        FatalError: the trial says that the search must end.
    """
    start = time.perf_counter()
    tuner.display.on_start(trial)
    try:
        results = tuner.run_trial(trial, *args, **dict(kwargs))
    except FatalError:
        raise
    except Exception as error:  # noqa: BLE001 - it is the user's code, and is reported by trial
        seconds = time.perf_counter() - start
        return TrialResult(trial, None, error, traceback.format_exc(), seconds)
    return TrialResult(trial, results, seconds=time.perf_counter() - start)
