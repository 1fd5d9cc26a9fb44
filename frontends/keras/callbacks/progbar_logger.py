"""The callback that shows progress on the screen."""

from typing import Any

from graphc.keras.callbacks.callback import Callback, Logs
from graphc.keras.utils.progbar import Progbar, print_message


class ProgbarLogger(Callback):
    """Shows a progress bar for each epoch of fit, and for evaluate and predict.

    Silent during the validation of fit. Where the output is no terminal or notebook, an epoch
    is one line, printed when it is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verbose = 1
        self.epochs = 1
        self.target: int | None = None  # steps of an epoch, None until known
        self.seen = 0
        self.progbar: Progbar | None = None
        self._in_fit = False
        self._validating = False

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        verbose = params.get("verbose", 1)
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.epochs = params.get("epochs", 1)
        self.target = params.get("steps")

    def due(self) -> bool:
        """Whether `on_chunk_end` would draw now, so that fetching its logs is worth the time."""
        return self.progbar is not None and not self._validating and self.progbar.due()

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        """Shows that the steps up to `step` (counted from zero, included) are done.

        A step that was reported by `on_train_batch_end` need not be reported here again.

        Args:
            step: index of the last step done in this epoch.
            logs: metrics so far; None keeps those shown.
        """
        if self._validating:
            return
        self.seen = step + 1
        self._bar().update(self.seen, list((logs or {}).items()), finalize=False)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        bar = self._new_bar()
        title = f"Epoch {epoch + 1}/{self.epochs}"
        if not self.verbose or self.epochs <= 1:
            return
        if self.verbose == 1 and not bar.live:
            bar.prefix = f"{title}: "
            return
        print_message(title)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_chunk_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._validating = self._in_fit
        if not self._validating:
            self._new_bar()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_chunk_end(batch, logs)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._validating:
            self._finish(logs)
        self._validating = False

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._new_bar()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self.on_chunk_end(batch, None)  # the logs hold the predictions themselves

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    def _new_bar(self) -> Progbar:
        self.seen = 0
        # Metrics arrive as averages over the epoch: none is averaged again.
        self.progbar = Progbar(self.target, verbose=self.verbose, stateless_metrics=())
        return self.progbar

    def _bar(self) -> Progbar:
        return self.progbar or self._new_bar()

    def _finish(self, logs: Logs | None) -> None:
        bar = self._bar()
        if self.target is None:
            self.target = bar.target = self.seen
        bar.update(self.target, list((logs or {}).items()), finalize=True)
