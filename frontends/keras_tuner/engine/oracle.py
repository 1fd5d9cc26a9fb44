"""Chooses what to try next, and keeps what came of it."""

from __future__ import annotations

import math
import os
import random
import threading
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from graphc.keras_tuner.engine.hyperparameters import HyperParameters
from graphc.keras_tuner.engine.objective import create_objective
from graphc.keras_tuner.engine.project import Project
from graphc.keras_tuner.engine.results import Outcome
from graphc.keras_tuner.engine.trial import ENDED, Trial, TrialStatus
from graphc.keras_tuner.engine.workers import is_gone, this_worker
from graphc.keras_tuner.studies.samplers import seed_at
from graphc.keras_tuner.studies.study_link import StudyLink

COLLISIONS = 20  # how many values in a row may be known before a space counts as exhausted


def synchronized(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let one thread at a time into the decorated methods of an oracle."""

    @wraps(method)
    def guarded(self: Oracle, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return guarded


class Oracle:
    """The base of what chooses: override `populate_space`.

    Args:
        objective: a name, an `Objective`, a function, or a list of those; None: the number that
            a trial returns, to be made small.
        max_trials: how many trials to make at most; None for no limit.
        hyperparameters: a search space that overrides or completes the builder's.
        allow_new_entries: whether the builder may ask for more than `hyperparameters` has.
        tune_new_entries: whether what it asks for beyond them is searched: else it has defaults.
        seed: of all that is drawn; None for a random one, which is kept in the project.
        max_retries_per_trial: how often a trial that failed is run again.
        max_consecutive_failed_trials: how many failed trials in a row end the search.
        error_score: the score of trials that failed, which then do not end the search; "raise"
            ends it at the first, with its error; None gives no score.
        sampler, pruner, study, storage, study_name: see `StudyLink`. All None: no study.

    Raises:
        ValueError: there are no hyperparameters, and new ones are not allowed or not searched.

    Attributes:
        trials: dict from id to `Trial`, in the order of their making.
        hyperparameters: the search space that is known so far.
    """

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        hyperparameters: HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        seed: int | None = None,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
        error_score: Any = None,
        sampler: Any = None,
        pruner: Any = None,
        study: Any = None,
        storage: Any = None,
        study_name: str | None = None,
    ) -> None:
        if hyperparameters is None and not (tune_new_entries and allow_new_entries):
            raise ValueError(
                "`allow_new_entries=False` and `tune_new_entries=False` need a search space in "
                "`hyperparameters`. Received: hyperparameters=None"
            )
        if not (error_score in (None, "raise") or isinstance(error_score, int | float)):
            raise ValueError(f"`error_score` must be None, a number or 'raise'. {error_score=}")
        self.objective = create_objective(objective)
        self.max_trials = max_trials
        self.hyperparameters = hyperparameters or HyperParameters()
        self.allow_new_entries, self.tune_new_entries = allow_new_entries, tune_new_entries
        self.seeded = seed is not None
        self.seed = random.SystemRandom().randrange(1, 2**31) if seed is None else seed
        self.max_retries_per_trial = max_retries_per_trial
        self.max_consecutive_failed_trials = max_consecutive_failed_trials
        self.error_score = error_score
        self.study_options = {
            "sampler": sampler,
            "pruner": pruner,
            "study": study,
            "storage": storage,
            "study_name": study_name,
        }
        self.link: StudyLink | None = None
        self.project: Project | None = None
        self.trials: dict[str, Trial] = {}
        self.ongoing_trials: dict[str, Trial] = {}
        self.verbose: Any = 1
        self.lock = threading.RLock()
        self._retry_queue: list[str] = []
        self._saved: dict[str, Any] = {}

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Choose values for a trial.

        Returns:
            dict with "status" (`RUNNING`; `IDLE`: wait for a trial that is running; `STOPPED`:
            the search is over) and, for a trial to run, "values", and "note" if the oracle wants
            to know more of the trial later.
        """
        raise NotImplementedError(f"{type(self).__name__} must override `populate_space`.")

    def score_trial(self, trial: Trial) -> None:
        """Set the score of a completed trial from its metrics."""
        trial.score = trial.metrics.get_best_value(self.objective.name)

    @property
    def needs_study(self) -> bool:
        """Whether there must be a study even if the user gives nothing about one."""
        return any(value is not None for value in self.study_options.values())

    @synchronized
    def create_trial(self, tuner_id: str) -> Trial:
        """Return the trial that `tuner_id` shall run: a running one of its own, or a new one."""
        if tuner_id in self.ongoing_trials:
            return self.ongoing_trials[tuner_id]
        self._see_others()
        if self._retry_queue:
            trial = self.trials[self._retry_queue.pop(0)]
            trial.status = TrialStatus.RUNNING
            return self._start(trial, tuner_id, known=True)
        space = self.hyperparameters.copy()
        space.values = {}
        trial_id = str(len(self.trials)).zfill(len(str(self.max_trials or 0)))
        if self.max_trials is not None and len(self.trials) >= self.max_trials:
            return Trial(space, trial_id, TrialStatus.STOPPED)
        response = self.populate_space(trial_id)
        space.values = dict(response.get("values") or {})
        trial = Trial(space, trial_id, response["status"], note=response.get("note"))
        if trial.status != TrialStatus.RUNNING:
            return trial
        return self._start(trial, tuner_id, known=False)

    @synchronized
    def update_trial(self, trial_id: str, metrics: dict[str, float], step: int = 0) -> Trial:
        """Add numbers to a running trial.

        Raises:
            FatalValueError: the objective is not among them.
        """
        trial = self.trials[trial_id]
        self.objective.get_value(metrics)
        for name, value in metrics.items():
            if not trial.metrics.exists(name):
                known = self.objective.direction if name == self.objective.name else None
                trial.metrics.register(name, known)
            trial.metrics.update(name, value, step)
        return trial

    def record(self, trial: Trial, outcome: Outcome) -> None:
        """Add the numbers that a trial returned."""
        trial.metrics = type(trial.metrics)()  # those of a try before count no more
        trial.curves = outcome.curves
        trial.best_step = outcome.step
        self.update_trial(trial.trial_id, outcome.metrics, outcome.step)

    @synchronized
    def end_trial(self, trial: Trial) -> None:
        """Keep a trial that was run, or have it run again.

        Its status is `COMPLETED`, `INVALID` (it may be run again) or `FAILED`; its message says
        why. A score that is NaN makes it `INVALID`.

        Raises:
            RuntimeError: too many trials have failed in a row.
        """
        trial.runs += 1
        self.update_space(trial.hyperparameters)
        if trial.status == TrialStatus.COMPLETED:
            self.score_trial(trial)
            self._refuse_nan(trial)
        again = trial.status == TrialStatus.INVALID and trial.runs <= self.max_retries_per_trial
        if trial.status == TrialStatus.INVALID and not again:
            trial.status = TrialStatus.FAILED
        if trial.status == TrialStatus.FAILED and isinstance(self.error_score, int | float):
            trial.score = float(self.error_score)
        if self.link:
            self.link.tell(trial)
        if again:
            self._retry_queue.append(trial.trial_id)
        else:
            trial.ended = sum(one.ended is not None for one in self.trials.values())
        self.ongoing_trials = {
            key: one for key, one in self.ongoing_trials.items() if one is not trial
        }
        self._save_trial(trial)
        self.save()
        self._check_failures(trial)

    def update_space(self, hyperparameters: HyperParameters) -> None:
        """Add what a builder has asked for to the search space.

        Raises:
            RuntimeError: something is new, and that is not allowed.
        """
        new = [hp for hp in hyperparameters.space if not self.hyperparameters.has(hp)]
        if new and not self.allow_new_entries:
            raise RuntimeError(f"`allow_new_entries` is False. Received: new entries {new}")
        if self.tune_new_entries:
            self.hyperparameters.merge(new)

    def get_space(self) -> HyperParameters:
        """Return a copy of the search space, with defaults."""
        space = self.hyperparameters.copy()
        space.values = {}
        space.ensure_active_values()
        return space

    def get_trial(self, trial_id: str) -> Trial:
        """Return a trial by its id."""
        return self.trials[trial_id]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Return completed trials, the best first."""
        self._see_others()
        done = [one for one in self.trials.values() if one.status == TrialStatus.COMPLETED]
        sign = -1 if self.objective.direction == "max" else 1
        return sorted(done, key=lambda one: sign * (one.score or 0.0))[:num_trials]

    def remaining_trials(self) -> int | None:
        """Return how many trials are left; None without a limit."""
        return None if self.max_trials is None else self.max_trials - len(self.trials)

    def begin(self, project: Project) -> None:
        """Keep everything in `project` from now on, and take up what is there already.

        Raises:
            RuntimeError: the project is of another kind of search.
        """
        self.project = project
        known = project.load() if project.exists else {}
        if known.get("oracle", type(self).__name__) != type(self).__name__:
            raise RuntimeError(
                f"The project in {project.path} is of another kind of search: pass "
                "`overwrite=True`, or another `project_name`. "
                f"Received: {type(self).__name__} for a project of {known['oracle']}"
            )
        self.seed = known.get("seed", self.seed)
        if self.needs_study:
            options = self.study_options
            name = options["study_name"] or project.path.name
            self.link = StudyLink(self.objective, self.seed, **{**options, "study_name": name})
        if known:
            self.hyperparameters = HyperParameters.from_config(known["hyperparameters"])
            self._take_up(project.load_trials())

    def save(self) -> None:
        """Write what belongs to no trial; trials are written when they change."""
        space = self.hyperparameters.get_config()
        state = {"oracle": type(self).__name__, "seed": self.seed, "hyperparameters": space}
        if self.project is not None and state != self._saved:
            self.project.save(state)
            self._saved = state

    def random_values(self) -> dict[str, Any] | None:
        """Return random values that were not tried; None where there seem to be none left."""
        tried = self.tried()
        apart = self.link is not None and self.link.by_processes  # each draws others
        place = (self.seed, this_worker() if apart else "", len(self.trials))
        for attempt in range(COLLISIONS + 1):
            space = self.hyperparameters.copy()
            space.values = {}
            for number, hp in enumerate(space.space):
                if space.is_active(hp):
                    space.values[hp.name] = hp.random_sample(seed_at(*place, attempt, number))
            if key_of(space.values) not in tried:
                return space.values
        return None

    def tried(self) -> set[str]:
        """Return the keys of all values that were tried, or are being tried."""
        names = {hp.name for hp in self.hyperparameters.space}  # what is not searched is no matter
        every = (trial.hyperparameters.values for trial in self.trials.values())
        return {key_of({k: v for k, v in values.items() if k in names}) for values in every}

    @property
    def _is_shared(self) -> bool:
        return self.link is not None and self.link.shared

    def _start(self, trial: Trial, tuner_id: str, known: bool) -> Trial:
        trial.note["worker"] = this_worker()
        if self.link and not self.link.is_live(trial):
            self._enter(trial)
        if self._is_shared and not known:  # else another process may choose the same
            trial.trial_id = str(trial.note["optuna"]).zfill(len(trial.trial_id))
        self.trials[trial.trial_id] = self.ongoing_trials[tuner_id] = trial
        self._save_trial(trial)
        self.save()
        return trial

    def _enter(self, trial: Trial) -> None:
        """Give a trial whose values were chosen here its place in the study."""
        assert self.link is not None
        if "optuna" in trial.note:
            self.link.drop(trial.note["optuna"])
        hp = trial.hyperparameters
        trial.note["optuna"], _ = self.link.ask(hp, hp.values)

    def _take_up(self, trials: Iterable[Trial]) -> None:
        """Keep the trials of an earlier process; those that had not ended are run again."""
        for trial in trials:
            self.trials[trial.trial_id] = trial
            if self.link and trial.status in ENDED:
                self.link.restore(trial, self.hyperparameters)
            elif trial.status not in ENDED and (not self._is_shared or is_gone(trial)):
                self._retry_queue.append(trial.trial_id)

    def _see_others(self) -> None:
        """Take in what other processes have put into the study."""
        for trial in self.link.others() if self.link else ():
            own = self.trials.get(trial.trial_id)
            if own is None or own.note.get("worker") != this_worker():
                self.trials[trial.trial_id] = trial

    def _save_trial(self, trial: Trial) -> None:
        if self.project is not None:
            self.project.save_trial(trial)
        if self._is_shared:
            assert self.link is not None
            self.link.publish(trial)

    def _refuse_nan(self, trial: Trial) -> None:
        if trial.score is None or math.isnan(trial.score):
            trial.status = TrialStatus.INVALID
            trial.message = f"The objective '{self.objective.name}' was NaN."
            trial.score = None

    def _check_failures(self, trial: Trial) -> None:
        if trial.status != TrialStatus.FAILED or isinstance(self.error_score, int | float):
            return
        ended = [one for one in self.trials.values() if one.ended is not None]
        last = sorted(ended, key=lambda one: one.ended or 0)[-self.max_consecutive_failed_trials :]
        if len(last) < self.max_consecutive_failed_trials:
            return
        if all(one.status == TrialStatus.FAILED for one in last):
            raise RuntimeError(
                f"{len(last)} trials in a row have failed; their messages are in the trials. "
                f"The last one's: {trial.message}"
            )


def key_of(values: dict[str, Any]) -> str:
    """Return a text that is the same for the same values; what tuners add does not count."""
    return repr(sorted((k, v) for k, v in values.items() if not k.startswith("tuner/")))


def tuner_id_of(environment: Any = os.environ) -> str:
    """Return the name of this process among those of one search."""
    return environment.get("KERASTUNER_TUNER_ID", "tuner0")
