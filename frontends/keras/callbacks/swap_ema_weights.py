"""Evaluation and prediction with the moving averages of the weights."""

from __future__ import annotations

from typing import Any

from graphc.keras.callbacks.callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Puts the optimizer's moving averages into the model for evaluation and prediction.

    Args:
        swap_on_epoch: swaps at the end of every epoch too, so that a checkpoint holds averages.

    Raises:
        ValueError: at the first swap, the optimizer keeps no averages (`use_ema=True`).
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Take the trained weights back."""
        if self.swap_on_epoch:
            self._show(averages=False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Leave the averages in the model; after the last epoch, for good."""
        if not self.swap_on_epoch or self._swapped:
            return
        self._show(averages=True)
        if epoch == self.params["epochs"] - 1:
            for variable, average in self._pairs():
                average.assign(variable.value)  # fit ends by copying the averages into the model

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Show the averages."""
        self._show(averages=True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Take the trained weights back."""
        self._show(averages=False)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Show the averages."""
        self._show(averages=True)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Take the trained weights back."""
        self._show(averages=False)

    def _show(self, *, averages: bool) -> None:
        if averages == self._swapped:
            return
        for variable, average in self._pairs():
            kept = variable.numpy().copy()
            variable.assign(average.value)
            average.assign(kept)
        self._swapped = averages

    def _pairs(self) -> list[tuple[Any, Any]]:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        if not getattr(optimizer, "use_ema", False):
            raise ValueError(
                "SwapEMAWeights needs an optimizer that was made with `use_ema=True`. "
                f"Received: use_ema={getattr(optimizer, 'use_ema', None)}"
            )
        pairs = zip(optimizer._trainable_variables, optimizer._averages, strict=True)
        return [(variable, average) for variable, average in pairs if average is not None]
