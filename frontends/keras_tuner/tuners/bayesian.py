"""Values that a model of the results so far expects to be good: Optuna's samplers."""

from __future__ import annotations

from typing import Any

from graphc.keras_tuner.engine.oracle import COLLISIONS, Oracle, key_of
from graphc.keras_tuner.engine.trial import TrialStatus
from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.tuners.arguments import parted


class BayesianOptimizationOracle(Oracle):
    """Lets a sampler of Optuna choose.

    Args:
        objective, max_trials, kwargs: see `Oracle`.
        num_initial_points: how many trials are random first; None for the sampler's own number.
        alpha, beta: taken for code that gives them; the samplers have no such parameters.
        sampler: "tpe", "gp", "cmaes", "random", or a sampler of Optuna. None: that of `study` if
            one is given, else "tpe".
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = 10,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        sampler: Any = None,
        **kwargs: Any,
    ) -> None:
        if sampler is None and kwargs.get("study") is None:
            sampler = "tpe"
        super().__init__(objective, max_trials, sampler=sampler, **kwargs)
        self.num_initial_points, self.alpha, self.beta = num_initial_points, alpha, beta
        self.study_options["startup"] = num_initial_points

    @property
    def needs_study(self) -> bool:
        return True

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        tried = self.tried()
        assert self.link is not None, "the oracle needs a tuner"
        for attempt in range(COLLISIONS):
            place = None if self.link.shared else f"{len(self.trials)}/{attempt}"
            number, values = self.link.ask(self.hyperparameters, position=place)
            if key_of(values) not in tried:
                note = {"optuna": number}
                return {"status": TrialStatus.RUNNING, "values": values, "note": note}
            self.link.drop(number)
        values = self.random_values()  # the sampler likes what is known: something else, then
        status = TrialStatus.STOPPED if values is None else TrialStatus.RUNNING
        return {"status": status, "values": values}


class BayesianOptimization(Tuner):
    """Trains models of values that are expected to be good, given the results so far.

    Args:
        hypermodel: a function from hyperparameters to a model, or a `HyperModel`.
        objective: a name, an `Objective`, a function of the model, or a list of those.
        max_trials: how many trials to make; fewer where the space has fewer values.
        num_initial_points, alpha, beta: see `BayesianOptimizationOracle`.
        kwargs: see `Oracle` (`seed`, `sampler`, `study`, `storage`, ...) and `Tuner`.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = 10,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        **kwargs: Any,
    ) -> None:
        for_oracle, for_tuner = parted(type(self), kwargs)
        oracle = BayesianOptimizationOracle(
            objective, max_trials, num_initial_points, alpha, beta, **for_oracle
        )
        super().__init__(oracle, hypermodel, **for_tuner)
