"""The results of a search as plain rows, whatever made it: a tuner, a study, scikit-learn."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphc.keras_tuner.engine.base_tuner import BaseTuner
from graphc.keras_tuner.engine.oracle import Oracle
from graphc.keras_tuner.errors import need
from graphc.keras_tuner.seeing.tables import values_of


@dataclass(frozen=True)
class Record:
    """One trial.

    Attributes:
        name: its id.
        values: dict from hyperparameter to value, of those that were active.
        score: NaN if there is none.
        state: as its maker calls it.
        seconds: how long it ran; NaN if unknown.
        curves: dict from a metric to its values by epoch.
    """

    name: str
    values: Mapping[str, Any]
    score: float
    state: str
    seconds: float = math.nan
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchRecord:
    """All trials of a search, in order, and what it looked for.

    Attributes:
        objective: its name.
        direction: "min" or "max".
        trials: the trials.
    """

    objective: str
    direction: str
    trials: tuple[Record, ...]

    @property
    def scored(self) -> tuple[Record, ...]:
        """Return the trials that have a score."""
        return tuple(one for one in self.trials if math.isfinite(one.score))

    @property
    def best_first(self) -> list[Record]:
        """Return the trials that have a score, the best first."""
        sign = -1 if self.direction == "max" else 1
        return sorted(self.scored, key=lambda one: sign * one.score)

    @property
    def names(self) -> list[str]:
        """Return the hyperparameters, in the order of their first mention."""
        return list(dict.fromkeys(name for one in self.trials for name in one.values))


class Inactive:
    """Stands for the value of a hyperparameter that a trial did not have."""

    def __repr__(self) -> str:
        return ""


INACTIVE = Inactive()


def numbers_of(values: Sequence[Any]) -> list[float] | None:
    """Return the values that are not inactive, if all of them are numbers."""
    known = [value for value in values if value is not INACTIVE]
    if not all(isinstance(v, numbers.Real) and not isinstance(v, bool) for v in known):
        return None
    found = [float(value) for value in known]
    return found if found and all(map(math.isfinite, found)) else None


def read_search(results: Any) -> SearchRecord:
    """Return the rows of a tuner, an oracle, a study of Optuna, or a search of scikit-learn.

    Raises:
        TypeError: it is none of those, or was not run yet.
    """
    if isinstance(results, SearchRecord):
        return results
    if isinstance(results, BaseTuner | Oracle):
        return _of_oracle(results if isinstance(results, Oracle) else results.oracle)
    if hasattr(results, "cv_results_"):
        return _of_scikit_learn(results)
    if hasattr(results, "get_trials") and hasattr(results, "directions"):
        return _of_study(results)
    raise TypeError(
        "Results must be a tuner, a study of Optuna, or a search of scikit-learn that was fitted "
        f"(`cv_results_`). Received: {type(results).__name__}"
    )


def to_frame(results: Any) -> Any:
    """Return a search as a `pandas.DataFrame`: a row for each trial, a column for each value.

    Args:
        results: see `read_search`.
    """
    pandas = need("pandas", "A frame of a search")
    search = read_search(results)
    facts = ("trial", "state", "score", "seconds")
    rows = [
        {
            **dict(zip(facts, (one.name, one.state, one.score, one.seconds), strict=True)),
            **one.values,
        }
        for one in search.trials
    ]
    return pandas.DataFrame(rows, columns=[*facts, *search.names])


def _of_oracle(oracle: Oracle) -> SearchRecord:
    trials = tuple(
        Record(
            trial.trial_id,
            values_of(trial),
            math.nan if trial.score is None else trial.score,
            trial.status.lower(),
            trial.seconds,
            trial.curves,
        )
        for trial in oracle.trials.values()
    )
    return SearchRecord(oracle.objective.name, oracle.objective.direction, trials)


def _of_study(study: Any) -> SearchRecord:
    direction = "max" if study.direction.name == "MAXIMIZE" else "min"
    trials = tuple(
        Record(
            str(one.number),
            one.params,
            math.nan if one.value is None else one.value,
            one.state.name.lower(),
            math.nan if one.duration is None else one.duration.total_seconds(),
            {"objective": [one.intermediate_values[n] for n in sorted(one.intermediate_values)]},
        )
        for one in study.get_trials(deepcopy=False)
    )
    return SearchRecord("objective", direction, trials)


def _of_scikit_learn(search: Any) -> SearchRecord:
    found = search.cv_results_
    keys = [key for key in found if key.startswith("mean_test_")]
    chosen = f"mean_test_{search.refit}"
    key = chosen if chosen in keys else keys[0]
    curves = getattr(search, "histories_", None) or [{}] * len(found["params"])
    trials = tuple(
        Record(
            str(n),
            dict(values),
            float(found[key][n]),
            "completed" if math.isfinite(found[key][n]) else "failed",
            float(found["mean_fit_time"][n]) if "mean_fit_time" in found else math.nan,
            curves[n],
        )
        for n, values in enumerate(found["params"])
    )
    return SearchRecord(key, "max", trials)
