"""All values, in order."""

from __future__ import annotations

from typing import Any

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.oracle import Oracle, key_of
from graphc.keras_tuner.engine.trial import TrialStatus
from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.tuners.arguments import parted


class GridSearchOracle(Oracle):
    """Goes through all combinations: defaults first, the last dimension fastest.

    Of a range without steps, ten values stand for all. What a builder asks for only in some trials
    is gone through as well, once it is known; see `Oracle` for the arguments.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        tried = self.tried()
        last = list(self.trials.values())[-1:]
        values = last[0].hyperparameters.values if last else None
        for start in (values, None):  # from the last on; then from the first, for what is new
            found = self._next_untried(start, tried)
            if found is not None:
                return {"status": TrialStatus.RUNNING, "values": found}
            if start is None:
                break
        return {"status": TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED}

    def _next_untried(self, start: dict[str, Any] | None, tried: set[str]) -> dict[str, Any] | None:
        space = self.get_space()
        values = dict(space.values) if start is None else self._next(space, start)
        while values is not None and key_of(values) in tried:
            values = self._next(space, values)
        return values

    def _next(self, space: HyperParameters, values: dict[str, Any]) -> dict[str, Any] | None:
        """Return the combination after `values`; None after the last."""
        space.values = {k: v for k, v in values.items() if not k.startswith("tuner/")}
        space.ensure_active_values()
        for hp in reversed(space.space):
            if not space.is_active(hp):
                continue
            listed = list(dict.fromkeys([hp.default, *hp.values]))
            place = listed.index(space.values[hp.name]) if space.values[hp.name] in listed else 0
            if place + 1 < len(listed):
                space.values[hp.name] = listed[place + 1]
                space.ensure_active_values()
                return dict(space.values)
            space.values[hp.name] = hp.default
        return None


class GridSearch(Tuner):
    """Trains models of all combinations of values.

    Args:
        hypermodel: a function from hyperparameters to a model, or a `HyperModel`.
        objective: a name, an `Objective`, a function of the model, or a list of those.
        max_trials: how many trials to make at most; None for all.
        kwargs: see `Oracle` (`seed`, `hyperparameters`, `error_score`, ...) and `Tuner`.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_trials: int | None = None,
        **kwargs: Any,
    ) -> None:
        for_oracle, for_tuner = parted(type(self), kwargs)
        super().__init__(
            GridSearchOracle(objective, max_trials, **for_oracle), hypermodel, **for_tuner
        )
