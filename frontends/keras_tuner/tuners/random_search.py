"""Random values, each set tried once."""

from __future__ import annotations

from typing import Any

from graphc.keras_tuner.engine.oracle import Oracle
from graphc.keras_tuner.engine.trial import TrialStatus
from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.tuners.arguments import parted


class RandomSearchOracle(Oracle):
    """Chooses at random; see `Oracle` for the arguments."""

    def __init__(self, objective: Any = None, max_trials: int | None = 10, **kwargs: Any) -> None:
        super().__init__(objective, max_trials, **kwargs)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        values = self.random_values()
        if values is None:
            return {"status": TrialStatus.STOPPED}
        return {"status": TrialStatus.RUNNING, "values": values}


class RandomSearch(Tuner):
    """Trains models of random values.

    Args:
        hypermodel: a function from hyperparameters to a model, or a `HyperModel`.
        objective: a name, an `Objective`, a function of the model, or a list of those.
        max_trials: how many trials to make; fewer where the space has fewer values.
        kwargs: see `Oracle` (`seed`, `hyperparameters`, `error_score`, ...) and `Tuner`.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        **kwargs: Any,
    ) -> None:
        for_oracle, for_tuner = parted(type(self), kwargs)
        oracle = RandomSearchOracle(objective, max_trials, **for_oracle)
        super().__init__(oracle, hypermodel, **for_tuner)
