"""Callbacks that change the optimizer's learning rate."""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback import Callback, Logs
from graphc.keras.callbacks.monitor import MonitorCallback
from graphc.keras.utils.progbar import print_message


def _learning_rate(model: Any) -> float:
    """The current learning rate of a model's optimizer.

    Raises:
        ValueError: if the optimizer has none.
    """
    optimizer = model.optimizer
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(f'Optimizer must have a "learning_rate" attribute. Received: {optimizer}')
    return float(np.asarray(optimizer.learning_rate))


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of every epoch.

    Args:
        schedule: function `(epoch, learning_rate) -> float`, or `(epoch) -> float`.
        verbose: 1 reports every change.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Applies the schedule.

        Raises:
            ValueError: if the schedule returns no float.
        """
        arguments = (epoch, _learning_rate(self.model))
        if not _accepts(self.schedule, 2):
            arguments = (epoch,)
        new = self.schedule(*arguments)
        if np.ndim(new) > 0 or not np.issubdtype(np.asarray(new).dtype, np.floating):
            raise ValueError(
                f"The output of the `schedule` function should be a float. Received: {new}"
            )
        self.model.optimizer.learning_rate = float(new)
        if self.verbose > 0:
            print_message(
                f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {new}."
            )

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = _learning_rate(self.model)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when the monitored metric stops improving.

    Args:
        monitor: name of the metric in the epoch's logs.
        factor: below one.
        patience: epochs without improvement before a reduction.
        verbose: 1 reports every change.
        mode: `"min"`, `"max"` or `"auto"`.
        min_delta: a smaller change is no improvement.
        cooldown: epochs after a reduction that are not counted.
        min_lr: the learning rate never falls below this.

    Raises:
        ValueError: if `factor` is one or more.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        if factor >= 1.0:
            raise ValueError(
                f"ReduceLROnPlateau does not support a factor >= 1.0. Received: factor={factor}"
            )
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        logs = {} if logs is None else logs
        logs["learning_rate"] = _learning_rate(self.model)
        current = logs.get(self.monitor)
        if current is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is "
                f"not available. Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
            return
        self._count_fruitless_epoch(epoch, logs["learning_rate"])

    def _count_fruitless_epoch(self, epoch: int, learning_rate: float) -> None:
        if self.in_cooldown():
            return
        self.wait += 1
        # float32, as the optimizer stores it: a rate that is already the minimum stays.
        if self.wait < self.patience or learning_rate <= np.float32(self.min_lr):
            return
        new = max(learning_rate * self.factor, self.min_lr)
        self.model.optimizer.learning_rate = new
        self.cooldown_counter = self.cooldown
        self.wait = 0
        if self.verbose > 0:
            print_message(
                f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {new}."
            )

    def in_cooldown(self) -> bool:
        """Whether a recent reduction still pauses the counting."""
        return self.cooldown_counter > 0


def _accepts(function: Callable[..., Any], count: int) -> bool:
    """Whether a function takes `count` positional arguments; True where it does not say."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # some built-in functions have no signature
        return True
    return True
