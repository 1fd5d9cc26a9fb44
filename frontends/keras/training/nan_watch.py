"""`fit(..., on_nan=)`: finds the step, the layer, the op and the rows that broke the loss."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.errors import GraphcError
from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.callbacks.terminate_on_nan import TerminateOnNaN
from graphc.keras.config.messages import print_message
from graphc.keras.training.own_steps import own_step
from graphc.passes.unroll import unrolled
from graphc.runtime.blame import Culprit, find_culprit
from graphc.runtime.device import put_copy
from graphc.runtime.loop import Hooks, Run
from graphc.runtime.step import batch_inputs

CHOICES = ("ignore", "stop", "raise")
SHOWN_ROWS = 10
DIRECTIONS = {
    "data": "the data, before any layer: input {op}",
    "forward": "in the forward pass: {op}",
    "backward": "in the backward pass: the derivative of {op}",
    "update": "in the optimizer's update",
}


class NonFiniteLossError(GraphcError, FloatingPointError):
    """The loss became NaN or infinite; the message says where the first such number arose."""


@dataclass(frozen=True)
class NanReport:
    """Where a training broke.

    Epoch, step and rows count from 0; `rows` are those of the data, where they can be told.
    """

    epoch: int
    step: int
    culprit: Culprit | None
    rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        head = f"The loss became non-finite in epoch {self.epoch + 1}, step {self.step + 1}"
        if self.culprit is None:
            return f"{head}. Replaying the step one op at a time gave finite numbers."
        found = self.culprit
        what = DIRECTIONS[found.direction].format(op=found.op)
        layer = f" of layer '{found.scope}'" if found.scope else ""
        line = f" (created at {found.source})" if found.source else ""
        text = f"{head}. The first {found.kind} arose {what}{layer}{line}"
        if not found.rows:
            return f"{text}."
        text = f"{text}, in {_listed(found.rows)} of the batch"
        return f"{text}, which are {_listed(self.rows)} of the data." if self.rows else f"{text}."


def _listed(rows: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, rows[:SHOWN_ROWS]))
    return f"rows {shown}" + (f" and {len(rows) - SHOWN_ROWS} more" * (len(rows) > SHOWN_ROWS))


@dataclass
class _Chunk:
    """Some steps of a run, and all arrays before them."""

    bound: Any
    run: Run
    begin: int
    fresh: bool
    before: tuple[tuple[Any, ...], ...]
    end: int = 0

    def rewind(self, end: int) -> Any:
        """Put back what was there before the chunk, and do its steps up to `end` again.

        Returns:
            What the last of them reports; None where there is none to do.
        """
        copies = [tuple(put_copy(array) for array in group) for group in self.before]
        self.bound.store.claim().put(copies)
        self.run.fresh = self.fresh
        return self.run.steps(self.begin, end)() if end > self.begin else None


class NanWatch:
    """Keeps what a failing step can be replayed from, and does so when one fails.

    A `TerminateOnNaN` is called here for the step that fails, and need not be for every other.

    Args:
        model: what is trained.
        on_nan: "ignore", "stop" or "raise".
        callbacks: those of the training.

    Raises:
        ValueError: another choice.
    """

    def __init__(self, model: Any, on_nan: str, callbacks: CallbackList) -> None:
        if on_nan not in CHOICES:
            raise ValueError(
                f"Expected `on_nan` to be one of {CHOICES}. Received: on_nan={on_nan!r}"
            )
        self.model, self.on_nan = model, on_nan
        self.epoch = 0
        self._terminators = [] if on_nan != "ignore" else list(_terminators(callbacks))
        by_step = model.run_eagerly or own_step(model, "train") is not None
        for callback in self._terminators:
            callback.calls_each_batch = by_step  # a step of one's own reports more than a loss
        if by_step:
            self._terminators = []
        self._chunks: deque[_Chunk] = deque(maxlen=2)

    @property
    def on(self) -> bool:
        """Whether anything is watched."""
        return self.on_nan != "ignore" or bool(self._terminators)

    def around(self, hooks: Hooks, bound: Any, run: Run, window: Any, done: int) -> Hooks:
        """Return hooks that look at every chunk of a run, which begins after `done` steps."""
        if not self.on:
            return hooks

        def before(step: int) -> None:
            store = bound.store.claim()
            arrays = [store.peek(name) for name in store.groups]
            copies = tuple(tuple(put_copy(array) for array in group) for group in arrays)
            self._chunks.append(_Chunk(bound, run, step, run.fresh, copies))
            hooks.before(step)

        def after(step: int, values: Any) -> Any:
            self._chunks[-1].end = step + 1
            bad = int(values[-1])
            if bad >= 0 and self._terminators:
                step, values = bad, self._chunks[-1].rewind(bad + 1)
            elif bad >= 0:
                self._failed(window, bad, done)
            hooks.after(step, values)
            if bad >= 0 and not self.model.stop_training:  # no hook of the batch's end was called
                for callback in self._terminators:
                    callback.on_batch_end(done + bad, bound.traced.logs(values))
            return values

        return replace(hooks, before=before, after=after)

    def failed_eagerly(self, step: int, loss: Any) -> None:
        """Look at the loss of a step that was run eagerly."""
        if self.on_nan != "ignore" and loss is not None and not np.isfinite(loss):
            self._tell(NanReport(self.epoch, step, None))

    def _failed(self, window: Any, bad: int, done: int) -> None:
        chunk = self._chunks[-1]
        chunk.rewind(bad)
        culprit = None if self._broken(chunk) else self._replayed(chunk, bad)
        step = bad
        if culprit is None and self._broken(chunk):  # the step before left them so
            step, culprit = self._of_step_before(bad)
        rows = self._rows(window, step, culprit)
        self._tell(NanReport(self.epoch, done + step, culprit, rows))

    def _of_step_before(self, bad: int) -> tuple[int, Culprit | None]:
        chunk, last = self._chunks[-1], bad - 1
        if bad == chunk.begin and len(self._chunks) == 2:
            chunk = self._chunks[0]
            last = chunk.end - 1
        if last < chunk.begin:
            return bad, None
        chunk.rewind(last)
        found = self._replayed(chunk, last)
        optimizer = getattr(self.model.optimizer, "name", "")
        return last, found or Culprit("update", scope=optimizer, op="update")

    def _broken(self, chunk: _Chunk) -> bool:
        """Return whether a parameter (of a step of one's own: any state) is not finite."""
        store = chunk.bound.store
        arrays = [array for name in ("params", "state") for array in store.peek(name)]
        return any(not np.isfinite(a).all() for a in map(np.asarray, arrays) if a.dtype.kind == "f")

    def _replayed(self, chunk: _Chunk, index: int) -> Culprit | None:
        run, step = chunk.run, chunk.run.program.step
        shared = run.shared(chunk.fresh)
        inputs = batch_inputs(
            step, run.order is not None, np.int32(index), run.data, run.order, shared
        )
        params, state = (chunk.bound.store.peek(name) for name in ("params", "state"))
        graph = unrolled(step.graph)  # a layer is to be named, not one of many turns
        return find_culprit(graph, run.program.target, params, state, inputs, step.batch)

    def _rows(self, window: Any, step: int, culprit: Culprit | None) -> tuple[int, ...]:
        """Return the rows of the data for those of the batch, where that is made of arrays."""
        if culprit is None or not window.whole:
            return ()
        first = window.offset + step * window.bound.traced.step.batch
        places = [first + row for row in culprit.rows]
        if window.order is None:
            return tuple(places)
        order = np.asarray(window.order)
        return tuple(int(order[place]) for place in places if place < len(order))

    def _tell(self, report: NanReport) -> None:
        self.model.nan_report = report
        if self.on_nan == "raise":
            raise NonFiniteLossError(str(report))
        print_message(f"{report} Training stops; the weights are those before that step.")
        self.model.stop_training = True


def _terminators(callbacks: CallbackList) -> Iterator[TerminateOnNaN]:
    for callback in callbacks.callbacks:
        if isinstance(callback, CallbackList):
            yield from _terminators(callback)
        elif type(callback) is TerminateOnNaN:
            yield callback
