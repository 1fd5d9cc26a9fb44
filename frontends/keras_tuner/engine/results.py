"""What a trial returned, as numbers: a float, a dict, a `History`, or a list of such."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.keras.callbacks import History
from graphc.keras_tuner.engine.objective import DefaultObjective, MultiObjective, Objective
from graphc.keras_tuner.errors import FatalTypeError

NUMBERS = (int, float, np.floating, np.integer)


@dataclass(frozen=True)
class Outcome:
    """The numbers of a trial.

    Attributes:
        metrics: each metric at the best epoch; a mean if there were several runs.
        step: the best epoch; a mean if there were several runs.
        curves: each metric by epoch; a mean if there were several runs.
    """

    metrics: dict[str, float]
    step: int = 0
    curves: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What `fit` returned, and what was measured on the model when the training had ended."""

    results: Any
    values: dict[str, float]


def read_outcome(results: Any, objective: Objective, source: str) -> Outcome:
    """Return the numbers in what `source` returned.

    Raises:
        FatalTypeError: it is None, or of a type that is not understood.
        FatalValueError: the objective is not among the numbers.
    """
    if isinstance(results, list | tuple) and results:
        return _mean([read_outcome(one, objective, source) for one in results])
    if _is_number(results):
        return Outcome({objective.name: float(results)})
    if isinstance(results, Measured):
        return _of_measured(results, objective)
    if isinstance(objective, DefaultObjective) and not _holds(results, objective):
        raise FatalTypeError(
            f"{source} must return one number when no `objective` is given. "
            f"Received: {results!r} (of type {type(results).__name__})"
        )
    if isinstance(results, Mapping):
        metrics = {name: float(value) for name, value in results.items() if _is_number(value)}
        return Outcome({**metrics, objective.name: objective.get_value(results)})
    if isinstance(results, History):
        return _of_history(results.history, objective)
    raise FatalTypeError(
        f"{source} must return a float, a dict, a `History`, or a list of those. Did you forget "
        f"to return it? Received: {results!r} (of type {type(results).__name__})"
    )


def _holds(results: Any, objective: Objective) -> bool:
    return isinstance(results, Mapping) and objective.name in results


def _is_number(value: Any) -> bool:
    return isinstance(value, NUMBERS) or getattr(value, "shape", None) == ()


def _of_history(history: Mapping[str, Any], objective: Objective) -> Outcome:
    curves = _plain_curves(history)
    epochs = max((len(values) for values in curves.values()), default=0)
    logs = [
        {name: values[epoch] for name, values in curves.items() if epoch < len(values)}
        for epoch in range(epochs)
    ]
    if not logs:
        objective.get_value({})  # says what is missing
    best = 0
    for epoch in range(1, epochs):
        if objective.better_than(objective.get_value(logs[epoch]), objective.get_value(logs[best])):
            best = epoch
    metrics = {**logs[best], objective.name: objective.get_value(logs[best])}
    if isinstance(objective, MultiObjective):
        curves[objective.name] = [objective.get_value(one) for one in logs]
    return Outcome(metrics, best, curves)


def _of_measured(measured: Measured, objective: Objective) -> Outcome:
    results = measured.results
    curves = _plain_curves(results.history) if isinstance(results, History) else {}
    last = {name: values[-1] for name, values in curves.items() if values}
    returned = results if isinstance(results, Mapping) else {}
    metrics = {**last, **returned, **measured.values}
    step = max((len(values) for values in curves.values()), default=1) - 1
    return Outcome({**metrics, objective.name: objective.get_value(metrics)}, step, curves)


def _plain_curves(history: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return what each epoch logged, without what is no number (a metric by class is an array)."""
    return {
        name: [float(value) for value in values]
        for name, values in history.items()
        if all(_is_number(value) for value in values)
    }


def _mean(outcomes: list[Outcome]) -> Outcome:
    names = [name for name in outcomes[0].metrics if all(name in one.metrics for one in outcomes)]
    metrics = {name: float(np.mean([one.metrics[name] for one in outcomes])) for name in names}
    shared = [name for name in outcomes[0].curves if all(name in one.curves for one in outcomes)]
    curves = {name: _mean_curve([one.curves[name] for one in outcomes]) for name in shared}
    return Outcome(metrics, int(statistics.mean(one.step for one in outcomes)), curves)


def _mean_curve(curves: list[list[float]]) -> list[float]:
    """Return the means by epoch, of the epochs that all have."""
    length = min(map(len, curves))
    return [float(value) for value in np.mean([one[:length] for one in curves], axis=0)]
