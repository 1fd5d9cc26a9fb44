"""What the callbacks that watch one metric share: which way it should go, and comparing it."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback import Callback

MODES = ("auto", "min", "max")


class MonitorCallback(Callback):
    """A callback that compares a monitored metric with a reference.

    Args:
        monitor: name of the metric in the epoch's logs.
        mode: `"min"`, `"max"`, or `"auto"`, which asks the model's metric of that name.
        baseline: what the first value must improve on; None accepts any.
        min_delta: a smaller change is no improvement.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        mode: str = "auto",
        baseline: float | None = None,
        min_delta: float = 0,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            warnings.warn(
                f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.",
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self._lower_is_better: bool | None = None

    def _is_improvement(self, value: Any, reference: Any) -> bool:
        """Whether `value` is better than `reference` by more than `min_delta`.

        Compares in float32, the precision that metrics are computed in: a change of exactly
        `min_delta` must not count because of digits that the metric never had.
        """
        if self._lower_is_better is None:  # metrics exist only once the model has run
            self._lower_is_better = self._find_direction() == "min"
        if reference is None:
            return True
        if self._lower_is_better:
            return bool(np.float32(value + self.min_delta) < np.float32(reference))
        return bool(np.float32(value - self.min_delta) > np.float32(reference))

    def _find_direction(self) -> str:
        """`"min"` or `"max"`.

        Raises:
            ValueError: if `mode` is `"auto"` and the model has no metric to ask.
        """
        if self.mode != "auto":
            return self.mode
        name = self.monitor.removeprefix("val_")
        if name == "loss" or name.endswith("_loss"):
            return "min"
        for metric in _all_metrics(self.model):
            direction = getattr(metric, "_direction", None)
            if direction and (name == metric.name or name.endswith(f"_{metric.name}")):
                return "max" if direction == "up" else "min"
        raise ValueError(
            f"{type(self).__name__} cannot tell whether monitor='{self.monitor}' should grow or "
            "shrink. Expected the name of a compiled metric, or `mode='min'` or `mode='max'`. "
            f"Received: mode='{self.mode}'"
        )


def _all_metrics(model: Any) -> Iterator[Any]:
    """The metrics of a model, those inside its compiled groups included."""
    for metric in getattr(model, "metrics", ()):
        yield metric
        yield from getattr(metric, "metrics", ())
