"""What the callbacks that save while training share: when to save, and saying so."""

from graphc.keras.callbacks.callback import Logs
from graphc.keras.callbacks.monitor import MonitorCallback
from graphc.keras.utils.progbar import print_message


class SavingCallback(MonitorCallback):
    """Calls `_save(epoch, batch, logs)` after every epoch or every `save_freq` steps.

    Args:
        monitor: name of the metric that says which model is best.
        verbose: 1 reports what the callback does.
        save_best_only: saves only when the metric has improved.
        mode: `"min"`, `"max"` or `"auto"`.
        save_freq: `"epoch"`, or a number of steps.
        initial_value_threshold: what the first model must improve on to be saved.

    Raises:
        ValueError: for another `save_freq`.
    """

    def __init__(
        self,
        monitor: str,
        verbose: int,
        save_best_only: bool,
        mode: str,
        save_freq: str | int,
        initial_value_threshold: float | None,
    ) -> None:
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = save_freq
        self._steps_since_save = 0
        self._last_batch = -1
        self._epoch = 0
        if save_freq != "epoch" and not isinstance(save_freq, int):
            raise ValueError(
                "Expected `save_freq` to be 'epoch' or a number of steps. "
                f"Received: save_freq={save_freq}"
            )

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if isinstance(self.save_freq, int) and self._is_due(batch, self.save_freq):
            self._save(self._epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _is_due(self, batch: int, every: int) -> bool:
        """Counts steps over the epochs' ends; several may have passed since the last call."""
        new_epoch = batch <= self._last_batch
        self._steps_since_save += batch + 1 if new_epoch else batch - self._last_batch
        self._last_batch = batch
        if self._steps_since_save < every:
            return False
        self._steps_since_save = 0
        return True

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        """Save, where the logs are good enough; `batch` is None at the end of an epoch."""
        raise NotImplementedError(f"{type(self).__name__} must define `_save`.")

    def _report(self, epoch: int, message: str) -> None:
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: {message}")
