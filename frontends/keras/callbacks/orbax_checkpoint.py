"""Checkpoints in Orbax's format, written in the background."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

from graphc.keras.callbacks.callback import Logs
from graphc.keras.callbacks.saving_callback import SavingCallback
from graphc.keras.saving.checkpoints import content_of, orbax


class OrbaxCheckpoint(SavingCallback):
    """Saves the model's state, with Orbax, after every epoch or every `save_freq` steps.

    A checkpoint holds `pytree`, the tree of `model.get_state_tree()`, `model_config`, the
    configuration as JSON, and `assets`, the layers' files, where there are any. Its number is that
    of the epoch, or of the steps done so far. Arrays that lie on several devices are written in
    their parts. `keras.saving.load_model(directory)` and `model.load_weights(directory)` read the
    last one that is whole.

    Args:
        directory: folder of the checkpoints.
        monitor: name of the metric that says which model is best.
        verbose: 1 reports what the callback does.
        save_best_only: saves only when the metric has improved.
        mode: `"min"`, `"max"` or `"auto"`.
        save_freq: `"epoch"`, or a number of steps.
        initial_value_threshold: what the first model must improve on to be saved.
        max_to_keep: how many checkpoints are kept; None for all.
        save_on_background: whether the training goes on while files are written.
        save_weights_only: leaves out the optimizer, the metrics and the configuration.

    Raises:
        ImportError: the `orbax-checkpoint` package is not installed.
        ValueError: for another `save_freq`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
        max_to_keep: int | None = 1,
        save_on_background: bool = True,
        save_weights_only: bool = False,
    ) -> None:
        super().__init__(monitor, verbose, save_best_only, mode, save_freq, initial_value_threshold)
        self.directory = str(Path(directory).resolve())
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self._waiting: Any = None
        self._orbax = orbax()
        self.checkpointer = self._opened()

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if self.checkpointer is None:  # closed by a fit before
            self.checkpointer = self._opened()

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.wait_until_finished()
        self.checkpointer.close()
        self.checkpointer = None

    def wait_until_finished(self) -> None:
        """Return when all files are written."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.result()

    def is_multihost_enabled(self) -> bool:
        """Whether several hosts train together."""
        return bool(self._orbax.multihost.is_jax_distributed_client_initialized())

    def is_primary_host(self) -> bool:
        """Whether this is the host that logs and coordinates; the only one is."""
        return not self.is_multihost_enabled() or self._orbax.multihost.is_primary_host(0)

    def _opened(self) -> Any:
        training, keep = self._orbax.training, None
        if self.max_to_keep is not None:
            keep = training.preservation_policies.LatestN(self.max_to_keep)
        return training.Checkpointer(
            self.directory,
            preservation_policy=keep,
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
        )

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        if self.save_best_only and not self._is_best(logs):
            return
        self.wait_until_finished()  # and raise what went wrong with the last one
        number = epoch if batch is None else int(self.model.optimizer.iterations)
        content = content_of(self.model, self.save_weights_only)
        if self.save_on_background:
            self._waiting = self.checkpointer.save_checkpointables_async(number, content)
        else:
            self.checkpointer.save_checkpointables(number, content)
        self._report(epoch, f"saved checkpoint {number} to {self.directory}")

    def _is_best(self, logs: Logs) -> bool:
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Can save best model only with {self.monitor} available. Received: "
                f"{', '.join(logs) or 'no metric'}; nothing is saved.",
                stacklevel=2,
            )
            return False
        if not self._is_improvement(current, self.best):
            return False
        self.best = current
        return True
