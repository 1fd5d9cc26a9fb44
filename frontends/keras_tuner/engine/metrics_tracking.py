"""The numbers that a trial has reported: for each metric, by step, of one or more runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from graphc.keras_tuner.engine.directions import infer_metric_direction


class MetricObservation:
    """What was measured at a step: a value for each run."""

    def __init__(self, value: float | list[float], step: int) -> None:
        self.value = list(value) if isinstance(value, list | tuple) else [value]
        self.step = step

    def append(self, value: float | list[float]) -> None:
        """Add the values of further runs."""
        self.value += list(value) if isinstance(value, list | tuple) else [value]

    def mean(self) -> float:
        """Return the mean over the runs."""
        return float(np.mean(self.value))

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value, "step": self.step}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MetricObservation) and self.get_config() == other.get_config()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"MetricObservation(value={self.value}, step={self.step})"


class MetricHistory:
    """What one metric was, by step."""

    def __init__(self, direction: str = "min") -> None:
        if direction not in ("min", "max"):
            raise ValueError(f"`direction` must be 'min' or 'max'. Received: {direction!r}")
        self.direction = direction
        self._observations: dict[int, MetricObservation] = {}

    def update(self, value: float | list[float], step: int) -> None:
        """Add what was measured at a step."""
        if step in self._observations:
            self._observations[step].append(value)
        else:
            self._observations[step] = MetricObservation(value, step)

    def get_history(self) -> list[MetricObservation]:
        """Return what was measured, by step."""
        return [self._observations[step] for step in sorted(self._observations)]

    def set_history(self, observations: Iterable[MetricObservation]) -> None:
        """Add what was measured elsewhere."""
        for one in observations:
            self.update(one.value, one.step)

    def get_best_value(self) -> float | None:
        """Return the best of the means; None where nothing was measured, NaN where only NaN."""
        means = [one.mean() for one in self.get_history()]
        if not means:
            return None
        known = [value for value in means if not np.isnan(value)]
        best = min if self.direction == "min" else max
        return best(known) if known else float("nan")

    def get_best_step(self) -> int | None:
        """Return the step of the best value."""
        best = self.get_best_value()
        steps = (one.step for one in self.get_history() if one.mean() == best)
        return next(steps, None)

    def get_last_value(self) -> float | None:
        """Return the mean at the last step."""
        history = self.get_history()
        return history[-1].mean() if history else None

    def get_statistics(self) -> dict[str, float]:
        """Return min, max, mean, median, var and std over the steps."""
        means = [one.mean() for one in self.get_history()]
        names = ("min", "max", "mean", "median", "var", "std")
        if not means:
            return {}
        return {name: float(getattr(np, f"nan{name}")(means)) for name in names}

    def get_config(self) -> dict[str, Any]:
        observations = [one.get_config() for one in self.get_history()]
        return {"direction": self.direction, "observations": observations}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        made = cls(config["direction"])
        made.set_history(MetricObservation.from_config(one) for one in config["observations"])
        return made


class MetricsTracker:
    """All the metrics of a trial.

    The methods that take a name raise `ValueError` for one that was never reported.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, MetricHistory] = {}

    def exists(self, name: str) -> bool:
        """Whether the metric was reported."""
        return name in self.metrics

    def register(self, name: str, direction: str | None = None) -> None:
        """Add a metric, of a direction that is inferred if need be.

        Raises:
            ValueError: it is there already.
        """
        if self.exists(name):
            raise ValueError(f"The metric exists already. Received: {name!r}")
        direction = direction or infer_metric_direction(name) or "min"
        self.metrics[name] = MetricHistory(direction)

    def update(self, name: str, value: float, step: int = 0) -> bool:
        """Add a number; return whether the best value changed."""
        if not self.exists(name):
            self.register(name)
        before = self.metrics[name].get_best_value()
        self.metrics[name].update(float(value), step)
        return self.metrics[name].get_best_value() != before

    def get_history(self, name: str) -> list[MetricObservation]:
        return self._of(name).get_history()

    def set_history(self, name: str, observations: Iterable[MetricObservation]) -> None:
        if not self.exists(name):
            self.register(name)
        self.metrics[name].set_history(observations)

    def get_best_value(self, name: str) -> float | None:
        return self._of(name).get_best_value()

    def get_best_step(self, name: str) -> int | None:
        return self._of(name).get_best_step()

    def get_statistics(self, name: str) -> dict[str, float]:
        return self._of(name).get_statistics()

    def get_last_value(self, name: str) -> float | None:
        return self._of(name).get_last_value()

    def get_direction(self, name: str) -> str:
        return self._of(name).direction

    def get_config(self) -> dict[str, Any]:
        return {"metrics": {name: one.get_config() for name, one in self.metrics.items()}}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        made = cls()
        histories = config["metrics"].items()
        made.metrics = {name: MetricHistory.from_config(one) for name, one in histories}
        return made

    def _of(self, name: str) -> MetricHistory:
        if name not in self.metrics:
            raise ValueError(f"Unknown metric. Received: {name!r}; known: {list(self.metrics)}")
        return self.metrics[name]
