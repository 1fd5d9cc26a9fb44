"""Saving the model, or its weights, while it trains."""

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback import Logs
from graphc.keras.callbacks.saving_callback import SavingCallback


class ModelCheckpoint(SavingCallback):
    """Saves the model after every epoch or every `save_freq` steps.

    Args:
        filepath: where to save; may hold `{epoch}`, `{batch}` and names of logged metrics with
            format codes, as in `"{epoch:02d}-{val_loss:.2f}.keras"`. Ends in `.weights.h5` for
            weights, in `.keras` or `.h5` for models.
        monitor: name of the metric that says which model is best.
        verbose: 1 reports what the callback does.
        save_best_only: saves only when the metric has improved.
        save_weights_only: saves with `model.save_weights`, not with `model.save`.
        mode: `"min"`, `"max"` or `"auto"`.
        save_freq: `"epoch"`, or a number of steps.
        initial_value_threshold: what the first model must improve on to be saved.

    Raises:
        ValueError: for another `save_freq`, or a `filepath` with another ending.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        super().__init__(monitor, verbose, save_best_only, mode, save_freq, initial_value_threshold)
        self.filepath = os.fspath(filepath)
        self.save_weights_only = save_weights_only
        endings = (".weights.h5",) if save_weights_only else (".keras", ".h5")
        if not self.filepath.endswith(endings):
            raise ValueError(
                f"Expected `filepath` to end in {' or '.join(endings)} with "
                f"save_weights_only={save_weights_only}. Received: filepath={self.filepath}"
            )

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        filepath = self._format_path(epoch, batch, logs)
        if not self._should_save(epoch, logs, filepath):
            return
        if Path(filepath).is_dir():
            raise OSError(
                "Expected the `filepath` of ModelCheckpoint to name a file. "
                f"Received an existing folder: {filepath}"
            )
        Path(filepath).parent.mkdir(parents=True, exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(filepath, overwrite=True)
        self._report(epoch, f"finished saving model to {filepath}")

    def _should_save(self, epoch: int, logs: Logs, filepath: str) -> bool:
        if not self.save_best_only:
            self._report(epoch, f"saving model to {filepath}")
            return True
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
            return True
        if np.ndim(current) > 0:
            warnings.warn(
                "Can save best model only when `monitor` is a scalar value. "
                f"Received: {current}. Falling back to `save_best_only=False`.",
                stacklevel=2,
            )
            return True
        return self._note_best(epoch, current, filepath)

    def _note_best(self, epoch: int, current: Any, filepath: str) -> bool:
        best = "None" if self.best is None else f"{self.best:.5f}"
        if not self._is_improvement(current, self.best):
            self._report(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._report(
            epoch,
            f"{self.monitor} improved from {best} to {current:.5f}, saving model to {filepath}",
        )
        self.best = current
        return True

    def _format_path(self, epoch: int, batch: int | None, logs: Logs) -> str:
        fields = {"epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1}) | logs
        try:
            return self.filepath.format(**fields)
        except KeyError as error:
            raise KeyError(
                f"Expected the fields of filepath '{self.filepath}' to be among "
                f"{', '.join(fields)}. Received: {error}"
            ) from error
