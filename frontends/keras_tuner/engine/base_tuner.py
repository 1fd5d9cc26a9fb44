"""A search: asks an oracle for trials, has them run, and keeps what came of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from graphc.keras_tuner.engine.conditions import Condition, Parent
from graphc.keras_tuner.engine.hypermodel import HyperModel, get_hypermodel
from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.oracle import Oracle, tuner_id_of
from graphc.keras_tuner.engine.project import Project
from graphc.keras_tuner.engine.results import read_outcome
from graphc.keras_tuner.engine.runner import SequentialRunner, TrialResult, TrialRunner
from graphc.keras_tuner.engine.trial import Trial, TrialStatus
from graphc.keras_tuner.errors import FailedTrialError
from graphc.keras_tuner.seeing.display import SearchDisplay
from graphc.keras_tuner.seeing.tables import hall_of_fame

WEIGHTS, SHAPES = "checkpoint.weights.h5", "build_config.json"  # files of a trial
PAUSE = 0.2  # seconds until an oracle is asked again that waits for other processes


class BaseTuner:
    """A search of anything: override `run_trial`.

    Args:
        oracle: chooses what is tried.
        hypermodel: a function from hyperparameters to a model, or a `HyperModel`; None where
            `run_trial` needs none.
        directory: where the project's folder is, or is to be made; None for the current folder.
        project_name: the name of that folder.
        overwrite: begin anew. Else a search that was begun there is gone on with: finished trials
            are kept, and those that were interrupted are run again.
        batch: how many trials to ask the oracle for, and give the runner, at a time.
        runner: runs the trials; None for one after another.
        tuner_id: the name of this process among those of one search.
        logger: taken and ignored.

    Raises:
        ValueError: the oracle is none.
    """

    def __init__(
        self,
        oracle: Oracle,
        hypermodel: Any = None,
        directory: Any = None,
        project_name: str | None = None,
        overwrite: bool = False,
        batch: int = 1,
        runner: TrialRunner | None = None,
        tuner_id: str | None = None,
        logger: Any = None,
    ) -> None:
        if not isinstance(oracle, Oracle):
            raise ValueError(
                "`oracle` must be an `Oracle`. "
                f"Received: {oracle!r} (of type {type(oracle).__name__})"
            )
        if batch < 1:
            raise ValueError(f"`batch` must be 1 or more. Received: batch={batch}")
        self.oracle = oracle
        self.hypermodel: HyperModel | None = get_hypermodel(hypermodel)
        self.project = Project(directory, project_name, overwrite)
        self.directory, self.project_name = directory or ".", self.project.path.name
        self.batch = batch
        self.runner: TrialRunner = runner or SequentialRunner()
        self.tuner_id = tuner_id or tuner_id_of()
        self.logger = logger
        self.display = SearchDisplay(self)
        known = self.project.exists
        oracle.begin(self.project)
        if not known:
            self._populate_initial_space()

    def run_trial(self, trial: Trial, *fit_args: Any, **fit_kwargs: Any) -> Any:
        """Return what a trial's values are worth.

        Args:
            trial: its values are in `trial.hyperparameters`, of which more may be asked for.
            fit_args, fit_kwargs: what `search` was given.

        Returns:
            a float, a dict with the objective, a `History`, or a list of those, of which the means
            count.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `run_trial`.")

    def reason_against_lanes(self) -> str | None:
        """Return why trials cannot be trained together; None where they can."""
        return "it is no search of Keras models"

    def load_model(self, trial: Trial) -> Any:
        """Return the trained model of a trial."""
        raise NotImplementedError(f"{type(self).__name__} must override `load_model`.")

    def search(self, *fit_args: Any, **fit_kwargs: Any) -> None:
        """Run trials until the oracle has no more.

        Args:
            fit_args, fit_kwargs: what `run_trial` is given; `Tuner` gives it to `fit`. Of them
                `verbose` also decides what the search shows: 0 nothing, 1 or "auto" a table that
                changes in place, 2 also what `fit` prints.

        Raises:
            FatalError: a trial said that the search must end.
            RuntimeError: too many trials have failed in a row.
        """
        self.oracle.verbose = fit_kwargs.get("verbose", "auto")
        self.on_search_begin()
        with self.display:
            while trials := self._next_trials():
                for trial in trials:
                    self.on_trial_begin(trial)
                for result in self.runner.run(self, trials, fit_args, fit_kwargs):
                    self._keep(result)
        self.on_search_end()

    def pre_create_trial(self) -> None:
        """Called before the oracle is asked for a trial."""

    def on_trial_begin(self, trial: Trial) -> None:
        """Called when a trial is about to be run."""

    def on_trial_end(self, trial: Trial) -> None:
        """Called when a trial was run: tells the oracle."""
        self.oracle.end_trial(trial)

    def on_search_begin(self) -> None:
        """Called at the beginning of `search`."""

    def on_search_end(self) -> None:
        """Called at the end of `search`."""

    def get_best_models(self, num_models: int = 1) -> list[Any]:
        """Return the trained models of the best trials, the best first."""
        return [self.load_model(trial) for trial in self.oracle.get_best_trials(num_models)]

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[HyperParameters]:
        """Return the values of the best trials, the best first."""
        return [trial.hyperparameters for trial in self.oracle.get_best_trials(num_trials)]

    def search_space_summary(self, extended: bool = False) -> None:
        """Print the search space."""
        space = self.oracle.get_space().space
        print("Search space summary")
        print(f"Default search space size: {len(space)}")
        for hp in space:
            config = hp.get_config()
            print(f"{config.pop('name')} ({type(hp).__name__})")
            print(config)

    def results_summary(self, num_trials: int = 10) -> None:
        """Print the best trials, and how many have failed and why."""
        print("Results summary")
        print(f"Results in {self.project.path}")
        print(f"Showing {num_trials} best trials")
        print(self.oracle.objective)
        for trial in self.oracle.get_best_trials(num_trials):
            print()
            trial.summary()
        failed = [t for t in self.oracle.trials.values() if t.status == TrialStatus.FAILED]
        for trial in failed:
            reason = (trial.message or "").strip().splitlines()
            print(f"\nTrial {trial.trial_id} failed: {reason[-1] if reason else 'no message'}")

    def hall_of_fame(self, num_trials: int = 10) -> Any:
        """Return the best trials as a table, to print with `rich` or show in a notebook."""
        return hall_of_fame(self.oracle, num_trials)

    @property
    def remaining_trials(self) -> int | None:
        """Return how many trials are left; None without a limit."""
        return self.oracle.remaining_trials()

    @property
    def project_dir(self) -> str:
        """Return the folder of the project."""
        return str(self.project.path)

    def get_trial_dir(self, trial_id: str) -> str:
        """Return the folder of a trial."""
        return str(self.project.folder_of(trial_id))

    def save(self) -> None:
        """Write what belongs to no trial; each trial is written when it changes."""
        self.oracle.save()

    def _next_trials(self) -> list[Trial]:
        """Return up to `batch` trials to run; none when the search is over."""
        trials: list[Trial] = []
        while len(trials) < self.batch:
            slot = f"{self.tuner_id}#{len(trials)}" if trials else self.tuner_id
            self.pre_create_trial()
            trial = self.oracle.create_trial(slot)
            if trial.status == TrialStatus.RUNNING:
                trials.append(trial)
            elif trial.status == TrialStatus.STOPPED or trials:
                break
            else:
                time.sleep(PAUSE)
        return trials

    def _keep(self, result: TrialResult) -> None:
        trial = result.trial
        trial.seconds = result.seconds
        trial.message = result.message
        if result.error is None:
            self._record(trial, result.results)
            trial.status = TrialStatus.COMPLETED
        else:
            failed = isinstance(result.error, FailedTrialError)
            trial.status = TrialStatus.FAILED if failed else TrialStatus.INVALID
        self.on_trial_end(trial)
        self.display.on_end(trial)
        if result.error is not None and self.oracle.error_score == "raise":
            raise result.error

    def _record(self, trial: Trial, results: Any) -> None:
        objective = self.oracle.objective
        if results is None and trial.metrics.exists(objective.name):
            return  # `run_trial` has told the oracle itself
        outcome = read_outcome(results, objective, f"{type(self).__name__}.run_trial()")
        self.oracle.record(trial, outcome)

    def _populate_initial_space(self) -> None:
        """Build with defaults, and once for each condition that did not hold, to see all of it."""
        if self.hypermodel is None:
            self.oracle.save()
            return
        space = self.oracle.get_space()
        self.hypermodel.declare_hyperparameters(space)
        self.oracle.update_space(space)
        seen: list[list[Condition]] = []
        waiting: list[list[Condition]] = [[]]
        while waiting:
            scope = waiting.pop(0)
            space = self._space_under(scope)
            with suppress(FailedTrialError):  # these values are no good, others may be
                self.hypermodel.build(space)
            self.oracle.update_space(space)
            seen += [scope, *space.active_scopes]
            waiting += space.inactive_scopes
            waiting = [one for n, one in enumerate(waiting) if one not in seen + waiting[:n]]
        self.oracle.save()

    def _space_under(self, conditions: Sequence[Condition]) -> HyperParameters:
        """Return the space with values under which conditions hold."""
        space = self.oracle.get_space()
        for condition in conditions:
            assert isinstance(condition, Parent)
            space.values[condition.name] = condition.values[0]
        space.ensure_active_values()
        return space


def path_in(tuner: BaseTuner, trial_id: str, name: str) -> Path:
    """Return the path of a file of a trial."""
    return tuner.project.folder_of(trial_id) / name
