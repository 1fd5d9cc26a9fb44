"""Many callbacks called as one."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback import Callback, Logs
from graphc.keras.callbacks.history import History
from graphc.keras.callbacks.progbar_logger import ProgbarLogger

RunHook = Callable[..., None]


def _run_hook(name: str) -> RunHook:
    """A hook called as `hook(logs)` that calls the same one of every callback."""

    def hook(self: "CallbackList", logs: Logs | None = None) -> None:
        plain = plain_logs(logs)
        for callback in self.callbacks:
            getattr(callback, name)(plain)

    return hook


def _epoch_hook(name: str) -> RunHook:
    """A hook called as `hook(epoch, logs)` that calls the same one of every callback."""

    def hook(self: "CallbackList", epoch: int, logs: Logs | None = None) -> None:
        plain = plain_logs(logs)
        for callback in self.callbacks:
            getattr(callback, name)(epoch, plain)

    return hook


def _batch_hook(name: str) -> RunHook:
    """A hook called as `hook(batch, logs=logs)` that calls the same one of every callback."""

    def hook(self: "CallbackList", batch: int, logs: Logs | None = None) -> None:
        plain = plain_logs(logs)
        for callback in self.callbacks:
            getattr(callback, name)(batch, logs=plain)

    return hook


class CallbackList(Callback):
    """A callback whose every hook calls those of its callbacks, in order.

    The callbacks of one event share one dict of logs, sorted by name and holding plain numbers,
    so that what one adds to it (a learning rate) the later ones see.

    Args:
        callbacks: a callback, or a nested list of them.
        add_history: adds a `History` if there is none.
        add_progbar: adds a `ProgbarLogger` if there is none.
        model: the model they are used with.
        **params: parameters of the run, given to every callback.

    Raises:
        TypeError: if something in `callbacks` is no callback.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = list(_flatten(callbacks))
        self._history = self._last_of(History)
        self._progbar = self._last_of(ProgbarLogger)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if self._progbar is None and add_progbar:
            self._progbar = ProgbarLogger()
            self.callbacks.append(self._progbar)
        self.set_model(model)
        self.set_params(params)

    def _last_of(self, kind: type[Any]) -> Any:
        return next((each for each in reversed(self.callbacks) if isinstance(each, kind)), None)

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        if not params:
            return
        for callback in self.callbacks:
            callback.set_params(params)

    def set_model(self, model: Any) -> None:
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def progress_due(self) -> bool:
        """Whether `on_chunk_end` would show something now; else its logs are not needed."""
        return self._progbar is not None and self._progbar.due()

    def on_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        """Moves the progress bar to `step`, where the loop makes no calls for single steps."""
        if self._progbar is not None:
            self._progbar.on_chunk_end(step, plain_logs(logs))

    on_train_begin = _run_hook("on_train_begin")
    on_train_end = _run_hook("on_train_end")
    on_test_begin = _run_hook("on_test_begin")
    on_test_end = _run_hook("on_test_end")
    on_predict_begin = _run_hook("on_predict_begin")
    on_predict_end = _run_hook("on_predict_end")
    on_epoch_begin = _epoch_hook("on_epoch_begin")
    on_epoch_end = _epoch_hook("on_epoch_end")
    on_batch_begin = _batch_hook("on_batch_begin")
    on_batch_end = _batch_hook("on_batch_end")
    on_train_batch_begin = _batch_hook("on_train_batch_begin")
    on_train_batch_end = _batch_hook("on_train_batch_end")
    on_test_batch_begin = _batch_hook("on_test_batch_begin")
    on_test_batch_end = _batch_hook("on_test_batch_end")
    on_predict_batch_begin = _batch_hook("on_predict_batch_begin")
    on_predict_batch_end = _batch_hook("on_predict_batch_end")


def plain_logs(logs: Logs | None) -> Logs:
    """A new dict of logs, flattened, sorted by name, with scalars as Python floats."""
    plain: Logs = {}
    for name, value in sorted((logs or {}).items()):
        plain.update(plain_logs(value) if isinstance(value, dict) else {name: _plain(value)})
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, (int, float)):
        return float(value)
    if not hasattr(value, "__array__"):
        return value
    array = np.asarray(value)
    return float(array) if array.ndim == 0 else array


def _flatten(callbacks: Any) -> Iterator[Any]:
    if callbacks is None:
        return
    if isinstance(callbacks, (list, tuple)):
        for each in callbacks:
            yield from _flatten(each)
        return
    if inspect.isclass(callbacks) or not hasattr(callbacks, "set_model"):
        raise TypeError(f"Expected instances of `Callback`. Received: {callbacks!r}")
    yield callbacks
