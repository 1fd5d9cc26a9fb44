"""Ranges of numbers: linear, logarithmic or reversely logarithmic, with or without steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from graphc.keras_tuner.engine.hyperparameter import HyperParameter, index_to_prob, prob_to_index

SAMPLINGS = ("linear", "log", "reverse_log")


class Numerical(HyperParameter):
    """A range from `min_value` to `max_value`, both possible.

    Args:
        name: unique in the search space, with its conditions.
        min_value, max_value: the ends.
        step: what neighbours differ by; with logarithmic sampling the factor between them. None
            for any number of the range.
        sampling: `"linear"`, `"log"` (each factor as likely) or `"reverse_log"` (the same, from
            the upper end).
        default: None for `min_value`.

    Raises:
        ValueError: the ends are in the wrong order or not positive for a logarithm, the step is
            too small, or the sampling is unknown.
    """

    def __init__(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, default=default, **kwargs)
        self.min_value, self.max_value = min_value, max_value
        self.step, self.sampling = step, sampling or "linear"
        problem = self._problem()
        if problem:
            raise ValueError(f"`{type(self).__name__}` '{name}': {problem}")

    def _problem(self) -> str | None:
        if self.sampling not in SAMPLINGS:
            return f"`sampling` must be one of {SAMPLINGS}. Received: {self.sampling!r}"
        if self.min_value > self.max_value:
            return (
                "`min_value` must not be above `max_value`. "
                f"Received: min_value={self.min_value}, max_value={self.max_value}"
            )
        if self.sampling == "linear":
            good = self.step is None or self.step > 0
            return None if good else f"`step` must be above 0. Received: step={self.step}"
        if self.min_value <= 0:
            return (
                f"sampling='{self.sampling}' needs a `min_value` above 0. "
                f"Received: min_value={self.min_value}"
            )
        if self.step is not None and self.step <= 1:
            return (
                f"with sampling='{self.sampling}' the step is a factor, above 1. "
                f"Received: step={self.step}"
            )
        return None

    @property
    def default(self) -> Any:
        return self.min_value if self._default is None else self._default

    @property
    def count(self) -> int:
        """How many values there are; only for a range with steps."""
        assert self.step is not None
        if self.sampling == "linear":
            return int((self.max_value - self.min_value) / self.step + 1e-8) + 1
        return int(math.log(self.max_value / self.min_value, self.step) + 1e-8) + 1

    def at(self, index: int) -> Any:
        """Return value `index` of a range with steps."""
        assert self.step is not None
        if self.sampling == "linear":
            return self.min_value + index * self.step
        factor = self.min_value * math.pow(self.step, index)
        if self.sampling == "log":
            return factor
        return self.max_value + self.min_value - factor

    def index_of(self, value: float) -> int:
        """Return the index of a value of a range with steps."""
        assert self.step is not None
        if self.sampling == "linear":
            return round((value - self.min_value) / self.step)
        if self.sampling == "reverse_log":
            value = self.max_value + self.min_value - value
        return round(math.log(value / self.min_value, self.step))

    @property
    def values(self) -> Iterable[Any]:
        if self.step is None:  # ten that stand for all
            return tuple(dict.fromkeys(self.prob_to_value(i * 0.1 + 0.05) for i in range(10)))
        return tuple(self.prob_to_value(index_to_prob(i, self.count)) for i in range(self.count))

    def _between(self, prob: float, low: float, high: float) -> float:
        if self.sampling == "linear":
            return low + prob * (high - low)
        if self.sampling == "log":
            return low * math.pow(high / low, prob)
        return high + low - low * math.pow(high / low, 1 - prob)

    def _prob_between(self, value: float, low: float, high: float) -> float:
        if high == low:
            return 0.5
        if self.sampling == "linear":
            return (value - low) / (high - low)
        if self.sampling == "log":
            return math.log(value / low) / math.log(high / low)
        return 1 - math.log((high + low - value) / low) / math.log(high / low)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "min_value": self.min_value,
            "max_value": self.max_value,
            "step": self.step,
            "sampling": self.sampling,
        }


class Float(Numerical):
    """A range of real numbers; see `Numerical`."""

    def __init__(
        self,
        name: str,
        min_value: float,
        max_value: float,
        step: float | None = None,
        sampling: str | None = "linear",
        default: float | None = None,
        **kwargs: Any,
    ) -> None:
        step = None if step is None else float(step)
        ends = float(min_value), float(max_value)
        super().__init__(name, *ends, step, sampling, default, **kwargs)

    def prob_to_value(self, prob: float) -> float:
        if self.step is None:
            return self._between(prob, self.min_value, self.max_value)
        return float(self.at(prob_to_index(prob, self.count)))

    def value_to_prob(self, value: Any) -> float:
        if self.step is None:
            return self._prob_between(value, self.min_value, self.max_value)
        return index_to_prob(self.index_of(value), self.count)


class Int(Numerical):
    """A range of whole numbers; see `Numerical`. With linear sampling the step is 1 or more.

    Raises:
        ValueError: an end or the step is no whole number.
    """

    def __init__(
        self,
        name: str,
        min_value: int,
        max_value: int,
        step: int | None = None,
        sampling: str | None = "linear",
        default: int | None = None,
        **kwargs: Any,
    ) -> None:
        if step is None and sampling in (None, "linear"):
            step = 1
        given = {"min_value": min_value, "max_value": max_value, "step": step}
        whole = {key: _whole(name, key, value) for key, value in given.items()}
        super().__init__(name, sampling=sampling, default=default, **whole, **kwargs)

    def prob_to_value(self, prob: float) -> int:
        if self.step is None:  # up to the next whole number, so that the last has its share
            value = int(self._between(prob, self.min_value, self.max_value + 1))
            return min(value, int(self.max_value))
        return round(self.at(prob_to_index(prob, self.count)))

    def value_to_prob(self, value: Any) -> float:
        if self.step is None:
            return self._prob_between(value + 0.5, self.min_value, self.max_value + 1)
        return index_to_prob(self.index_of(value), self.count)


def _whole(name: str, key: str, value: Any) -> Any:
    if value is None:
        return None
    if int(value) != value:
        raise ValueError(f"`{key}` of `Int` '{name}' must be a whole number. Received: {value!r}")
    return int(value)
