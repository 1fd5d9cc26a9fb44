"""What watches the training of a trial: for the tuner, for the best weights, for the pruner."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc import keras
from graphc.keras.training.own_steps import mark_built
from graphc.keras_tuner.engine.objective import Objective
from graphc.keras_tuner.engine.trial import Trial
from graphc.keras_tuner.errors import FatalValueError

if TYPE_CHECKING:
    from graphc.keras_tuner.engine.tuner import Tuner


class TunerCallback(keras.callbacks.Callback):
    """Tells the tuner of each epoch, and stops the training when the pruner wants it."""

    def __init__(self, tuner: Tuner, trial: Trial, prunes: bool) -> None:
        super().__init__()
        self.tuner, self.trial, self.prunes = tuner, trial, prunes

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = logs or {}
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)
        self.tuner.display.on_epoch(self.trial, epoch, logs)
        if self.trial.note.get("pruned"):  # by a training of it that goes on beside this one
            self.model.stop_training = True
        link, objective = self.tuner.oracle.link, self.tuner.oracle.objective
        if not self.prunes or link is None or not objective.has_value(logs):
            return
        if link.should_stop(self.trial, objective.get_value(logs), epoch):
            self.trial.note["pruned"] = True
            self.model.stop_training = True


class BatchCallback(TunerCallback):
    """Tells the tuner of each batch, too: only for tuners that want to know."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.tuner.on_batch_end(self.trial, self.model, batch, logs)


class SaveBestEpoch(keras.callbacks.Callback):
    """Writes the weights of the best epoch of all the trainings of a trial.

    Where the logs do not hold the objective, those of the last epoch are written.
    """

    def __init__(self, objective: Objective, filepath: str | Path) -> None:
        super().__init__()
        self.objective, self.filepath = objective, Path(filepath)
        self.best_value = objective.worst
        self._written = False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.objective.measured:
            return  # it is known when the training has ended: `offer`
        if self.objective.has_value(logs or {}):
            self.offer(self.model, self.objective.get_value(logs or {}))
            return
        self.write(self.model)

    def offer(self, model: Any, value: float) -> None:
        """Write the weights of `model` if `value` is the best so far."""
        if self._written and not self.objective.better_than(value, self.best_value):
            return
        self.best_value = value
        self.write(model)

    def ensure(self, model: Any) -> None:
        """Write the weights of `model` if none were written: `fit` did not call this callback."""
        if not self._written:
            self.write(model)

    def write(self, model: Any) -> None:
        """Write the weights of `model`, whatever it is worth."""
        self._written = True
        mark_built(model)
        model.save_weights(self.filepath)


def copied(callbacks: list[Any]) -> list[Any]:
    """Return callbacks of its own for a training.

    Raises:
        FatalValueError: one cannot be copied.
    """
    try:
        return copy.deepcopy(callbacks)
    except Exception as error:
        raise FatalValueError(
            "Each trial gets copies of the callbacks, so that `copy.deepcopy` must work on them. "
            f"Received: {callbacks}"
        ) from error
