"""The record of a training run that fit returns."""

from typing import Any

from graphc.keras.callbacks.callback import Callback, Logs


class History(Callback):
    """What each epoch logged.

    Attributes:
        epoch: indices of the epochs run by the last fit.
        history: dict from metric name to a list with one number an epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[Any]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
