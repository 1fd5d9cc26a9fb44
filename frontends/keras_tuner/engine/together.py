"""Runs the trainings of several trials at once, as lanes of shared programs."""

from __future__ import annotations

import json
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.keras.training.arrays import Rows
from graphc.keras.training.labels import check_labels
from graphc.keras.training.lane import Lane, Ready, Trained, Values, variables_of
from graphc.keras.training.lane_callbacks import LaneCallbacks, reason_against_callbacks
from graphc.keras.training.lanes import reason_against, train
from graphc.keras.training.tracer import alike
from graphc.keras.training.trainer import Trainer
from graphc.keras_tuner.engine.base_tuner import SHAPES, WEIGHTS, path_in
from graphc.keras_tuner.engine.callbacks import SaveBestEpoch, copied
from graphc.keras_tuner.engine.hypermodel import trains_as_usual
from graphc.keras_tuner.engine.lane_rows import LaneRows, Part
from graphc.keras_tuner.engine.results import read_outcome
from graphc.keras_tuner.engine.runner import TrialResult, run_one
from graphc.keras_tuner.engine.trial import Trial
from graphc.keras_tuner.errors import FatalError

OPTIONS = {
    "x", "y", "sample_weight", "epochs", "initial_epoch", "batch_size", "shuffle", "verbose",
    "callbacks", "validation_data", "validation_split",
}  # fmt: skip


class BestKept(SaveBestEpoch):
    """Keeps the best epoch of one training in memory, until it is known which training is best."""

    kept: Values | None = None
    unranked = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.unranked = not self.objective.has_value(logs or {})
        super().on_epoch_end(epoch, logs)

    def into(self, saver: SaveBestEpoch, model: Any) -> None:
        """Let the trial's saver write it, if it is better than what trainings before it had."""
        if self.kept is None:
            return
        for variable in variables_of(model):
            variable.assign(self.kept[id(variable)])
        if self.unranked:
            saver.write(model)
        else:
            saver.offer(model, self.best_value)

    def write(self, model: Any) -> None:
        self._written = True
        self.kept = {id(v): np.array(v.stored) for v in variables_of(model)}


@dataclass
class Made:
    """A training that is ready."""

    ready: Ready
    heard: LaneCallbacks
    best: BestKept
    trained: Trained | None = None


@dataclass
class Plan:
    """A trial, and its trainings; or why it is left to `run_one`, or what failed."""

    trial: Trial
    made: list[Made] = field(default_factory=list[Made])
    reason: str | None = None
    failed: TrialResult | None = None


class TogetherRunner:
    """Trains trials as lanes, where they can be; the others one after another.

    Weights and logs of the training are those of the `SequentialRunner` to the bit; numbers of
    held-out rows may differ in the last digit, for they are summed by another program. A pruner
    compares the trials of a batch while all of them go on, epoch by epoch in their order.

    Attributes:
        lanes: how many trainings were lanes.
        alone: how many trials were not, by the reason.
    """

    def __init__(self) -> None:
        self.lanes = 0
        self.alone: Counter[str] = Counter()

    def run(
        self, tuner: Any, trials: Sequence[Trial], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Iterator[TrialResult]:
        given = {**dict(zip(("x", "y"), args, strict=False)), **kwargs}
        reason = reason_against_search(tuner, args, kwargs)
        count = len(trials) * tuner.executions_per_trial if reason is None else 0
        if reason is None and count < 2 and tuner.cv is None:
            reason = "there is one training only"
        if reason is not None:
            for trial in trials:
                self.alone[reason] += 1
                yield run_one(tuner, trial, args, kwargs)
            return
        start = time.perf_counter()
        with alike():
            plans = self._trained(tuner, trials, tuner._quiet(given))
        seconds = (time.perf_counter() - start) / len(trials)
        parts = tuner._parts(args, kwargs) if tuner.oracle.objective.measured else []
        for plan in plans:
            if plan.reason is not None:
                self.alone[plan.reason] += 1
                yield run_one(tuner, plan.trial, args, kwargs)
            else:
                yield _result(tuner, plan, parts * tuner.executions_per_trial, seconds)

    def _trained(self, tuner: Any, trials: Sequence[Trial], given: dict[str, Any]) -> list[Plan]:
        plans = _plans(tuner, trials, given)
        made = [one for plan in plans for one in plan.made]
        link = getattr(tuner.oracle, "link", None)
        in_order = link is not None and link.prunes
        done = train([one.ready for one in made], in_order=in_order)
        for one, trained in zip(made, done, strict=True):
            one.trained = trained
        for plan in plans:
            if not all(one.trained for one in plan.made):
                plan.reason = "an error while they were trained together"
            else:
                self.lanes += len(plan.made)
            if plan.trial.note.get("pruned"):
                del plan.made[1:]  # as if they had not begun
        return plans


def reason_against_search(tuner: Any, args: Any, kwargs: dict[str, Any]) -> str | None:
    """Return why no trial of a search can be lanes, as far as that is known before any model."""
    if (reason := tuner.reason_against_lanes()) is not None:
        return reason
    if tuner.hypermodel is None or not trains_as_usual(tuner.hypermodel):
        return "the hypermodel has a `fit` of its own"
    validation = kwargs.get("validation_data")
    if tuner.cv is not None and (kwargs.get("validation_split") or validation is not None):
        return "it has folds beside validation data"
    if tuner.oracle.objective.measured and tuner.cv is not None and not isinstance(tuner.cv, int):
        return "the objective is measured on folds that may be drawn anew"
    return _reason_against_options(tuner, args, kwargs)


def _reason_against_options(tuner: Any, args: Any, kwargs: dict[str, Any]) -> str | None:
    """Return which option of `fit`, or which data, lanes cannot have."""
    asked = {name for name, value in kwargs.items() if name not in OPTIONS and value is not None}
    if len(args) > 2 or asked:
        return f"it asks for {', '.join(sorted(asked)) or 'options without their names'}"
    if tuner._quiet(kwargs).get("verbose", "auto") != 0:
        return "`fit` prints"
    validation = kwargs.get("validation_data")
    if validation is not None and not isinstance(validation, (tuple, list)):
        return "its validation data are no arrays of NumPy"
    data = [*args, *(kwargs.get(name) for name in ("x", "y", "sample_weight")), *(validation or ())]
    if not all(one is None or isinstance(one, np.ndarray) for one in data):
        return "its data are no arrays of NumPy"
    validates = validation is not None or bool(kwargs.get("validation_split"))
    return reason_against_callbacks(
        kwargs.get("callbacks"), validates=validates or tuner.cv is not None
    )


def _plans(tuner: Any, trials: Sequence[Trial], given: dict[str, Any]) -> list[Plan]:
    """Return the trainings of all trials, made ready in the order of one after another."""
    try:
        rows = LaneRows.of(given)
    except (KeyError, TypeError, ValueError) as error:  # `fit` says it in its way
        rows = f"{type(error).__name__} while its rows were chosen"
    return [
        Plan(trial, reason=rows) if isinstance(rows, str) else _plan(tuner, trial, given, rows)
        for trial in trials
    ]


def _plan(tuner: Any, trial: Trial, given: dict[str, Any], rows: LaneRows) -> Plan:
    """Return the trainings of a trial."""
    plan = Plan(trial)
    tuner.display.on_start(trial)
    try:
        parts = rows.parts(tuner.cv, tuner.oracle.seed, given)
    except ValueError as error:  # the split says it in its way
        return Plan(trial, reason=f"{type(error).__name__} while its rows were chosen")
    for number, part in enumerate(parts * tuner.executions_per_trial):
        try:
            callbacks = copied(given.get("callbacks") or [])
            tuner._seed(trial, number)
            watch = tuner._watch(trial, prunes=number == 0)
            model = tuner._try_build(trial.hyperparameters)
        except Exception as error:  # noqa: BLE001 - the user's builder; it is reported by trial
            failed = TrialResult(trial, None, error, traceback.format_exc())
            return Plan(trial, failed=failed)
        try:
            options = given | tuner.arguments_for(trial)
            one = _made(tuner, model, [*callbacks, watch], options, rows.rows, part)
        except Exception as error:  # noqa: BLE001 - `fit` meets it again, and says it in its way
            one = f"{type(error).__name__} while it was made ready"
        if isinstance(one, str):
            return Plan(trial, reason=one)
        plan.made.append(one)
    return plan


def _made(
    tuner: Any, model: Any, callbacks: list[Any], given: dict[str, Any], rows: Rows, part: Part
) -> Made | str:
    if type(model).fit is not Trainer.fit or not model.compiled:
        return "the model has a `fit` of its own"
    chosen, held = part
    begins, epochs = given.get("initial_epoch") or 0, given.get("epochs", 1)
    batch = given.get("batch_size") or 32
    lane = Lane(
        model, rows, chosen, min(batch, len(chosen)), epochs, 0,
        bool(given.get("shuffle", True)), held, begins=begins,
    )  # fmt: skip
    reason = reason_against(lane) if epochs > begins else "there are no epochs"
    if reason is not None:
        return reason
    best = BestKept(tuner.oracle.objective, "")
    heard = LaneCallbacks(model, [*callbacks, best], epochs=epochs, steps=-(-len(chosen) // batch))
    ready = heard.ready(lane)
    if ready is None:
        return "a callback ends it before it begins"
    check_labels(ready.traced, rows)
    return Made(ready, heard, best)


def _result(tuner: Any, plan: Plan, parts: Sequence[Any], seconds: float) -> TrialResult:
    """Return what came of a trial, once its best weights are written."""
    if plan.failed is not None:
        if isinstance(plan.failed.error, FatalError):
            raise plan.failed.error
        return plan.failed
    trial, results = plan.trial, list[Any]()
    saver = SaveBestEpoch(tuner.oracle.objective, path_in(tuner, trial.trial_id, WEIGHTS))
    for number, one in enumerate(plan.made):
        if isinstance(one.heard.error, FatalError):
            raise one.heard.error
        if one.heard.error is not None:
            return TrialResult(trial, None, one.heard.error, one.heard.message, seconds)
        try:
            part = parts[number] if parts else None
            results.append(_kept(tuner, trial, number, one, part, saver))
        except FatalError:
            raise
        except Exception as error:  # noqa: BLE001 - a measure of the user's; reported by trial
            return TrialResult(trial, None, error, traceback.format_exc(), seconds)
    return TrialResult(trial, results, seconds=seconds)


def _kept(tuner: Any, trial: Trial, number: int, one: Made, part: Any, saver: SaveBestEpoch) -> Any:
    """Return the history of a training, measured where the objective is; offer its weights."""
    assert one.trained is not None
    model = one.heard.model
    one.best.into(saver, model)
    one.trained.into(model)
    config = model.get_build_config() or {}
    path_in(tuner, trial.trial_id, SHAPES).write_text(json.dumps(config))
    if part is None:
        read_outcome(one.heard.history, tuner.oracle.objective, "HyperModel.fit()")
        results: Any = one.heard.history
    else:
        tuner._seed(trial, number, "measuring")
        results = tuner._measured(one.heard.history, model, part, saver)
    saver.ensure(model)
    return results
