"""What a search looks for: a logged number, a sum of some, or a measure of the trained model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from graphc.keras_tuner.engine.directions import infer_metric_direction
from graphc.keras_tuner.errors import FatalValueError

DIRECTIONS = ("min", "max")


class Objective:
    """A number to make small or large.

    Args:
        name: the name in the logs of an epoch (`"val_loss"`); or a function of the trained model
            and the data held out (what `validation_data` is, or the held-out fold; None if
            there is neither), which returns the number and is called after each training.
        direction: `"min"` or `"max"`; None for what is usual for a metric of that name, and
            `"min"` for a function.

    Raises:
        ValueError: the direction is unknown, and cannot be inferred.
    """

    def __init__(self, name: str | Callable[..., float], direction: str | None = None) -> None:
        self.measure = None if isinstance(name, str) else name
        self.name = name if isinstance(name, str) else _name_of(name)
        if direction is None:
            direction = "min" if self.measure else infer_metric_direction(self.name)
        if direction not in DIRECTIONS:
            raise ValueError(
                f"The direction of the objective '{self.name}' must be given, as 'min' or 'max': "
                f'`keras_tuner.Objective("{self.name}", direction="min")`. '
                f"Received: direction={direction!r}"
            )
        self.direction = direction

    def has_value(self, logs: Mapping[str, Any]) -> bool:
        """Whether the logs hold what is needed."""
        return self.name in logs

    def get_value(self, logs: Mapping[str, Any]) -> float:
        """Return the number.

        Raises:
            FatalValueError: the logs do not hold it; the message lists what they hold.
        """
        if self.name not in logs:
            raise FatalValueError(_missing(self.name, logs))
        return float(logs[self.name])

    def better_than(self, a: float, b: float) -> bool:
        """Whether `a` is better than `b`; NaN is worse than any number."""
        if math.isnan(a) or math.isnan(b):
            return not math.isnan(a)
        return a > b if self.direction == "max" else a < b

    @property
    def measured(self) -> list[Objective]:
        """Return the objectives in this one that are functions of the trained model."""
        return [self] if self.measure else []

    @property
    def worst(self) -> float:
        """Return a value that any other is better than."""
        return -math.inf if self.direction == "max" else math.inf

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Objective):
            return NotImplemented
        return (self.name, self.direction) == (other.name, other.direction)

    def __hash__(self) -> int:
        return hash((self.name, self.direction))

    def __str__(self) -> str:
        return f'Objective(name="{self.name}", direction="{self.direction}")'

    __repr__ = __str__


class DefaultObjective(Objective):
    """The number that `fit` or `run_trial` returns, to be made small."""

    def __init__(self) -> None:
        super().__init__("default_objective", direction="min")


class MultiObjective(Objective):
    """The sum of some objectives to minimise, less those to maximise; to be made small."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        super().__init__("multi_objective", direction="min")
        self.objectives = list(objectives)
        self.name_to_direction = {one.name: one.direction for one in self.objectives}

    def has_value(self, logs: Mapping[str, Any]) -> bool:
        return self.name in logs or all(one.has_value(logs) for one in self.objectives)

    def get_value(self, logs: Mapping[str, Any]) -> float:
        if self.name in logs:
            return float(logs[self.name])
        signs = {"min": 1, "max": -1}
        return sum(signs[one.direction] * one.get_value(logs) for one in self.objectives)

    @property
    def measured(self) -> list[Objective]:
        return [one for one in self.objectives if one.measure]

    def __str__(self) -> str:
        return f"MultiObjective({', '.join(map(str, self.objectives))})"

    __repr__ = __str__


def create_objective(objective: Any) -> Objective:
    """Return the objective that a name, a function, a list of either, or None stands for.

    Raises:
        TypeError: it is none of those.
        ValueError: it is a name whose direction cannot be inferred.
    """
    if objective is None:
        return DefaultObjective()
    if isinstance(objective, Objective):
        return objective
    if isinstance(objective, list | tuple):
        return MultiObjective([create_objective(one) for one in objective])
    if isinstance(objective, str) or callable(objective):
        return Objective(objective)
    raise TypeError(
        "`objective` must be a name, an `Objective`, a function, or a list of those. "
        f"Received: {objective!r} (of type {type(objective).__name__})"
    )


def _name_of(function: Callable[..., float]) -> str:
    return getattr(function, "name", None) or getattr(function, "__name__", type(function).__name__)


def _missing(name: str, logs: Mapping[str, Any]) -> str:
    near = get_close_matches(name, list(logs))
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    if name.startswith("val_") and not any(key.startswith("val_") for key in logs):
        hint = " Give `search` a `validation_data` or a `validation_split`, or the tuner `cv=k`."
    return (
        f"The objective '{name}' was not among the results.{hint} "
        f"Received: results named {sorted(logs)}"
    )
