"""Many models for a few epochs, the best of them for more.

Source: Li et al., "Hyperband: a novel bandit-based approach to hyperparameter optimization" (2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.oracle import COLLISIONS, Oracle, key_of
from graphc.keras_tuner.engine.trial import ENDED, Trial, TrialStatus
from graphc.keras_tuner.engine.tuner import Tuner
from graphc.keras_tuner.tuners.arguments import parted


@dataclass(frozen=True)
class Plan:
    """How many models are trained for how long: brackets of rounds.

    Bracket 0 is one round of a few models for all epochs; bracket b has b + 1 rounds, the first of
    many models for few epochs. In each round, about one in `factor` of those before goes on.
    """

    max_epochs: int
    factor: int

    @property
    def brackets(self) -> list[int]:
        """Return the brackets of one iteration in the order in which they are begun."""
        count, epochs = 0, float(self.max_epochs)
        while epochs >= 1:
            count, epochs = count + 1, epochs / self.factor
        return list(range(count))[::-1]

    def size(self, bracket: int, number: int) -> int:
        """Return how many models round `number` of a bracket has."""
        last = math.ceil(1 + math.log(self.max_epochs, self.factor))
        return math.ceil(last / (bracket + 1) * self.factor ** (bracket - number))

    def epochs(self, bracket: int, number: int) -> int:
        """Return up to which epoch they are trained; 0 before the first round."""
        if number < 0:
            return 0
        return math.ceil(self.max_epochs / self.factor ** (bracket - number))


class HyperbandOracle(Oracle):
    """Chooses by Hyperband; the first round of each bracket is random, or a sampler's.

    Beside the values, a trial has "tuner/epochs" (up to which epoch it is trained),
    "tuner/initial_epoch" (from which on), "tuner/bracket", "tuner/round", and, after the first
    round, "tuner/trial_id" (the trial whose weights it goes on with).

    Args:
        objective, kwargs: see `Oracle`. `sampler` chooses the first rounds; None for at random.
        max_epochs: the most epochs of a model.
        factor: how many times longer the next round is, and how many times fewer go on.
        hyperband_iterations: how often to go through all brackets; None without end.

    Raises:
        ValueError: the factor is below 2, or there are no epochs.
    """

    def __init__(
        self,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, kwargs.pop("max_trials", None), **kwargs)
        if factor < 2:
            raise ValueError(f"`factor` must be 2 or more. Received: factor={factor}")
        if max_epochs < 1:
            raise ValueError(f"`max_epochs` must be 1 or more. Received: {max_epochs=}")
        self.plan = Plan(max_epochs, factor)
        self.max_epochs, self.factor = max_epochs, factor
        self.hyperband_iterations = hyperband_iterations or math.inf

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        cycle = self.plan.brackets
        begun = max((one.note["sweep"] for one in self._placed()), default=0)
        for sweep in range(begun + 1):
            found = self._in_bracket(sweep, cycle[sweep % len(cycle)])
            if found is not None:
                return found
        if self.ongoing_trials:
            return {"status": TrialStatus.IDLE}
        if begun + 1 >= self.hyperband_iterations * len(cycle):
            return {"status": TrialStatus.STOPPED}
        found = self._in_bracket(begun + 1, cycle[(begun + 1) % len(cycle)])
        return found or {"status": TrialStatus.STOPPED}

    def _placed(self) -> list[Trial]:
        return [trial for trial in self.trials.values() if "sweep" in trial.note]

    def _in_bracket(self, sweep: int, bracket: int) -> dict[str, Any] | None:
        """Return the next trial of a bracket; None if there is none now."""
        rounds: list[list[Trial]] = [[] for _ in range(bracket + 1)]
        for trial in self._placed():
            if trial.note["sweep"] == sweep:
                rounds[trial.note["round"]].append(trial)
        if len(rounds[0]) < self.plan.size(bracket, 0):
            found = self._fresh(sweep, bracket)
            if found is not None:
                return found
        for number in range(1, bracket + 1):
            best = self._to_go_on(rounds, bracket, number)
            if best is not None:
                values = {**best.hyperparameters.values, "tuner/trial_id": best.trial_id}
                return self._placed_at(values, sweep, bracket, number, past=best.trial_id)
        return None

    def _to_go_on(self, rounds: list[list[Trial]], bracket: int, number: int) -> Trial | None:
        """Return the best trial of the round before, if it is sure to be among those that go on."""
        before, gone_on = rounds[number - 1], {one.note["past"] for one in rounds[number]}
        size = self.plan.size(bracket, number)
        failed = sum(one.status == TrialStatus.FAILED for one in before)
        ready = [one for one in before if one.status == TrialStatus.COMPLETED]
        ready = [one for one in ready if one.trial_id not in gone_on]
        whole = len(before) >= self.plan.size(bracket, number - 1)
        ended = whole and all(one.status in ENDED for one in before)
        spare = self.plan.size(bracket, number - 1) - size
        if not ready or len(gone_on) >= size or not (ended or len(ready) + failed > spare):
            return None
        sign = -1 if self.objective.direction == "max" else 1
        return min(ready, key=lambda one: sign * (one.score or 0.0))

    def _fresh(self, sweep: int, bracket: int) -> dict[str, Any] | None:
        number, values = self._sampled()
        if values is None:
            return None
        found = self._placed_at(values, sweep, bracket, 0)
        if number is not None:
            found["note"]["optuna"] = number
        return found

    def _sampled(self) -> tuple[int | None, dict[str, Any] | None]:
        tried = self.tried()
        if self.link is None or self.study_options["sampler"] is None:
            return None, self.random_values()
        for attempt in range(COLLISIONS):
            place = None if self.link.shared else f"{len(self.trials)}/{attempt}"
            number, values = self.link.ask(self.hyperparameters, position=place)
            if key_of(values) not in tried:
                return number, values
            self.link.drop(number)
        return None, self.random_values()

    def _placed_at(
        self, values: dict[str, Any], sweep: int, bracket: int, number: int, past: Any = None
    ) -> dict[str, Any]:
        added = {
            "tuner/epochs": self.plan.epochs(bracket, number),
            "tuner/initial_epoch": self.plan.epochs(bracket, number - 1),
            "tuner/bracket": bracket,
            "tuner/round": number,
        }
        note = {"sweep": sweep, "round": number, "past": past}
        return {"status": TrialStatus.RUNNING, "values": {**values, **added}, "note": note}


class Hyperband(Tuner):
    """Trains many models for a few epochs, and the best of them for more.

    Args:
        hypermodel: a function from hyperparameters to a model, or a `HyperModel`.
        objective: a name, an `Objective`, a function of the model, or a list of those.
        max_epochs, factor, hyperband_iterations: see `HyperbandOracle`.
        kwargs: see `Oracle` (`seed`, `sampler`, ...) and `Tuner`.
    """

    def __init__(
        self,
        hypermodel: Any = None,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int | None = 1,
        **kwargs: Any,
    ) -> None:
        for_oracle, for_tuner = parted(type(self), kwargs)
        oracle = HyperbandOracle(objective, max_epochs, factor, hyperband_iterations, **for_oracle)
        super().__init__(oracle, hypermodel, **for_tuner)

    def arguments_for(self, trial: Trial) -> dict[str, Any]:
        values = trial.hyperparameters.values
        if "tuner/epochs" not in values:
            return {}
        return {"epochs": values["tuner/epochs"], "initial_epoch": values["tuner/initial_epoch"]}

    def _build_hypermodel(self, hp: HyperParameters) -> Any:
        model = super()._build_hypermodel(hp)
        past = hp.values.get("tuner/trial_id")
        return model if past is None else self._restore(model, past)
