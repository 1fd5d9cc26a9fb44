"""The base of every callback: one empty hook for each event of fit, evaluate and predict."""

from typing import Any

Logs = dict[str, Any]


class Callback:
    """A set of hooks that fit, evaluate and predict call; a subclass overrides those it needs.

    `logs` is a dict from metric name to number. In an epoch's end hook the validation metrics
    are in it too, prefixed with `val_`. Overriding a batch hook makes the loop run step by step
    (see `overrides_batch_hooks`); `model` and its variables are current in every hook.

    Attributes:
        params: dict with `verbose`, `epochs` and `steps` of the run.
        model: the model being run.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] | None = None
        self._model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives the parameters of the run, before its first hook."""
        self.params = params

    def set_model(self, model: Any) -> None:
        """Receives the model, before the first hook."""
        self._model = model

    @property
    def model(self) -> Any:
        """The model being run, or None before a run."""
        return self._model

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_begin`, which calls it."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Older name of `on_train_batch_end`, which calls it."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called by fit before epoch `epoch`, counted from zero."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called by fit after epoch `epoch` and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called by fit before step `batch` of the epoch, counted from zero."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called by fit after step `batch`, with the metrics of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called by evaluate, and by fit's validation, before step `batch`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called by evaluate, and by fit's validation, after step `batch`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called by predict before step `batch`."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called by predict after step `batch`; `logs["outputs"]` holds its outputs."""

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once when fit begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once when fit ends, with the logs of the last epoch."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called when evaluate, or a validation of fit, begins."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called when evaluate, or a validation of fit, ends, with its metrics."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called once when predict begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called once when predict ends."""
