"""The study of Optuna behind a search: it is asked for values and told what came of them."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.objective import Objective
from graphc.keras_tuner.engine.trial import Trial, TrialStatus
from graphc.keras_tuner.errors import need
from graphc.keras_tuner.studies.distributions import encode_all, suggest
from graphc.keras_tuner.studies.samplers import make_pruner, positioned, sampler_factory

STATE = "graphc.trial"  # the attribute of a study's trial that holds ours
DIRECTIONS = {"min": "minimize", "max": "maximize"}


class StudyLink:
    """One study, which this process asks and tells.

    Args:
        objective: its direction is the study's.
        seed: of the draws.
        sampler: a name or a sampler of Optuna; None: the study's own, or random.
        pruner: a name or a pruner of Optuna, which may stop trials early; None for none.
        study: a study to use as it is; None makes one.
        storage: the URL of a database (or a storage of Optuna) in which processes share the study.
        study_name: the name under which they do.
        startup: how many trials the sampler draws at random first.

    Attributes:
        shared: whether trials may be there that others have made.
        by_processes: whether other processes may make some at the same time.

    Raises:
        ValueError: the study given has another direction than the objective.
    """

    def __init__(
        self,
        objective: Objective,
        seed: int,
        sampler: Any = None,
        pruner: Any = None,
        study: Any = None,
        storage: Any = None,
        study_name: str | None = None,
        startup: int | None = None,
    ) -> None:
        self.optuna = need("optuna", "A search with a study")
        self.shared = storage is not None or study is not None
        kept = storage if study is None else getattr(study, "_storage", None)
        in_memory = kept is None or isinstance(kept, self.optuna.storages.InMemoryStorage)
        self.by_processes = self.shared and not in_memory
        self.prunes = pruner is not None
        direction = DIRECTIONS[objective.direction]
        own = study is not None and sampler is None
        make = sampler_factory(study.sampler if own else sampler or "random", startup)
        self._draws = positioned(make, seed)
        if study is None:
            study = _make_study(self.optuna, direction, storage, study_name)
        _check_direction(study, direction)
        self.study = study
        self._pruner = make_pruner(pruner) if pruner is not None else study.pruner
        self._live: dict[int, Any] = {}

    def ask(
        self, space: HyperParameters, values: dict[str, Any] | None = None, position: object = None
    ) -> tuple[int, dict[str, Any]]:
        """Start a trial of the study; return its number and values.

        Args:
            space: what to draw.
            values: values chosen elsewhere; None lets the sampler choose.
            position: what the draws depend on beside the seed; None for the trial's number.
        """
        forced = None if values is None else encode_all(space, values)
        with self._drawing(forced, position):
            trial = self.study.ask()
            chosen = suggest(trial, space)
        self._live[trial.number] = trial
        return trial.number, {**chosen, **(values or {})}

    def drop(self, number: int) -> None:
        """End a trial of the study without a result, if it has not ended."""
        self._live.pop(number, None)
        if number < len(self.study.trials) and not self.study.trials[number].state.is_finished():
            self.study.tell(number, state=self.optuna.trial.TrialState.FAIL)

    def is_live(self, trial: Trial) -> bool:
        """Whether this process has asked for the trial, and not ended it."""
        return trial.note.get("optuna") in self._live

    def should_stop(self, trial: Trial, value: float, epoch: int) -> bool:
        """Report the objective at an epoch; return whether the pruner wants the trial stopped."""
        live = self._live.get(trial.note.get("optuna", -1))
        if live is None or not self.prunes:
            return False
        live.report(value, epoch)
        before, self.study.pruner = self.study.pruner, self._pruner
        try:
            return live.should_prune()
        finally:
            self.study.pruner = before

    def publish(self, trial: Trial) -> None:
        """Let the other processes see a trial as it is."""
        live = self._live.get(trial.note.get("optuna", -1))
        if live is not None:
            live.set_user_attr(STATE, json.dumps(trial.get_state()))

    def tell(self, trial: Trial) -> None:
        """End a trial of the study with the score, or as failed if it has none."""
        number = trial.note.get("optuna", -1)
        if number not in self._live:
            return
        hp = trial.hyperparameters
        with self._drawing(encode_all(hp, hp.values), None):
            suggest(self._live[number], hp)  # what the builder has asked for beyond the known space
        self.publish(trial)
        self._live.pop(number)
        failed = trial.score is None or trial.score != trial.score
        if failed or trial.status == TrialStatus.INVALID:
            self.study.tell(number, state=self.optuna.trial.TrialState.FAIL)
            return
        if trial.note.get("pruned"):
            self.study.tell(number, state=self.optuna.trial.TrialState.PRUNED)
            return
        self.study.tell(number, trial.score)

    def restore(self, trial: Trial, space: HyperParameters) -> None:
        """Put a finished trial of an earlier process into a study that was in memory only."""
        if self.shared or trial.score is None or trial.status != TrialStatus.COMPLETED:
            return
        number, _ = self.ask(space, trial.hyperparameters.values)
        self._live.pop(number)
        self.study.tell(number, trial.score)

    @contextmanager
    def _drawing(self, forced: dict[str, Any] | None, position: object) -> Generator[None]:
        """Let the draws decide, or take what is forced, in place of the study's own sampler."""
        self._draws.forced, self._draws.position = forced, position
        before, self.study.sampler = self.study.sampler, self._draws
        try:
            yield
        finally:
            self.study.sampler = before

    def others(self) -> list[Trial]:
        """Return the trials of the study that graphc has made, in any process."""
        if not self.shared:
            return []
        states = [one.user_attrs.get(STATE) for one in self.study.get_trials(deepcopy=False)]
        return [Trial.from_state(json.loads(state)) for state in states if state]


def _make_study(optuna: Any, direction: str, storage: Any, name: str | None) -> Any:
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # graphc shows the trials itself
    try:
        return optuna.create_study(
            direction=direction, storage=storage, study_name=name, load_if_exists=True
        )
    finally:
        optuna.logging.set_verbosity(verbosity)


def _check_direction(study: Any, direction: str) -> None:
    found = [one.name.lower() for one in study.directions]
    if found != [direction]:
        raise ValueError(
            f"The study must have the objective's one direction, '{direction}'. Received: "
            f"a study with {found}"
        )
