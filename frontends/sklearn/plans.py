"""What an estimator hands to whoever trains its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Prepared:
    """Checked data: inputs [N, ...] in single precision, coded targets, weights [N] or None."""

    x: np.ndarray
    y: Any
    sample_weight: np.ndarray | None = None


@dataclass(frozen=True)
class FitPlan:
    """How to call `fit`.

    Attributes:
        epochs: passes over the rows.
        batch_size: rows of a step.
        shuffle: whether each pass has an order of its own.
        seed: under which `fit` runs (`graphc.sklearn.seeding.seeded`), or None.
        options: its other arguments: validation, callbacks, verbosity.
    """

    epochs: int
    batch_size: int
    shuffle: bool
    seed: int | None
    options: Mapping[str, Any]


class FitHistory(dict[str, list[float]]):
    """One number an epoch under each name, over all calls since the model was built.

    Callbacks may have logged other things than numbers; these are there as they were logged.
    """

    @property
    def history(self) -> FitHistory:
        """The same, under the name that Keras's `History` has for it."""
        return self

    @property
    def epoch(self) -> list[int]:
        """The numbers of the epochs."""
        return list(range(max(map(len, self.values()), default=0)))

    def extended(self, more: Mapping[str, Any]) -> FitHistory:
        """Return this history with further epochs after it."""
        names = {**self, **more}
        return FitHistory(
            {name: [*self.get(name, []), *map(_plain, more.get(name, []))] for name in names}
        )


def _plain(value: Any) -> Any:
    """Return a number as a float; what else a callback has logged as it is."""
    array = np.asarray(value)
    return float(array) if array.ndim == 0 and array.dtype.kind in "biuf" else value
