"""What callbacks hear of the steps of one epoch: batch hooks where wanted, else ends of chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.callbacks.batch_hooks import overrides_batch_hooks
from graphc.keras.callbacks.callback_list import CallbackList
from graphc.runtime.loop import Hooks
from graphc.runtime.step import Mode


class StepHooks:
    """Calls the hooks of one epoch's steps, whatever windows and chunks they run in.

    With `steps_per_execution` above one, batch hooks come once for so many steps, as in Keras: with
    the number of the first of them before, of the last of them after, even where fewer are left.

    Args:
        callbacks: what is called.
        mode: "train", "test" or "predict".
        every: `steps_per_execution`.
        done: steps of the epoch that were run before.
    """

    def __init__(self, callbacks: CallbackList, mode: Mode, every: int, done: int = 0) -> None:
        self.callbacks, self.done, self.mode = callbacks, done, mode
        self.every = every if overrides_batch_hooks(callbacks, mode) else 0
        self._begin = getattr(callbacks, f"on_{mode}_batch_begin")
        self._end = getattr(callbacks, f"on_{mode}_batch_end")

    def around(self, logs_of: Callable[[Any], dict[str, Any]], stop: Callable[[], bool]) -> Hooks:
        """Return the hooks of the steps that come next.

        Args:
            logs_of: makes logs of what a step reports.
            stop: whether to stop, asked after each chunk.
        """
        first = self.done

        def after(step: int, values: Any) -> None:
            self.done = first + step + 1
            if not self.every:
                self.callbacks.on_chunk_end(self.done - 1, self._logs(logs_of, values))
            elif self.done % self.every == 0:
                self._end(self.done - 1, self._logs(logs_of, values))

        return Hooks(before=self._before, after=after, stop=stop, room=self._room)

    def finish(self, logs: dict[str, Any]) -> None:
        """Call the end of the last steps, which were fewer than `steps_per_execution`."""
        if self.every and self.done % self.every:
            last = -(-self.done // self.every) * self.every - 1
            self._end(last, logs if self.mode != "predict" else {})

    def _before(self, step: int) -> None:
        del step  # it counts from where the window begins
        if self.every and self.done % self.every == 0:
            self._begin(self.done)

    def _room(self) -> int | None:
        return self.every - self.done % self.every if self.every else None

    def _logs(self, logs_of: Callable[[Any], dict[str, Any]], values: Any) -> dict[str, Any]:
        return logs_of(values) if self.mode != "predict" else {}
