"""The callbacks of a lane: what `fit` calls around its epochs, on the lane's own numbers.

A lane's weights are in a program beside those of others. Before hooks are called they are put into
the lane's model, and what the hooks change there is given back to the lane. So every callback that
works by epoch does for a lane what it does for `fit`.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

import numpy as np

from graphc.keras.callbacks import (
    BackupAndRestore,
    Callback,
    CallbackList,
    History,
    ProgbarLogger,
    TerminateOnNaN,
    overrides_batch_hooks,
)
from graphc.keras.training.lane import Lane, Logs, Next, Numbers, Ready, Values, variables_of

# Of all lanes: they may share a model, and callbacks are not written for threads.
_HOOKS = RLock()


def draw_seed() -> int:
    """Return the seed of the order of the rows, drawn as `fit` draws it."""
    return random.getrandbits(32)


def reason_against_callbacks(callbacks: Any, *, validates: bool) -> str | None:
    """Return why callbacks cannot be those of a lane; None where they can.

    Args:
        callbacks: what `fit` takes.
        validates: whether rows are held back, which lanes evaluate on without a word.
    """
    for one in CallbackList(callbacks).callbacks:
        name = type(one).__name__
        if isinstance(one, (BackupAndRestore, TerminateOnNaN, ProgbarLogger)):
            return f"{name} looks into the epochs"
        if overrides_batch_hooks(one, "train"):
            return f"{name} is called for every batch"
        if not validates:
            continue
        tests = any(_overrides(one, hook) for hook in ("on_test_begin", "on_test_end"))
        if tests or overrides_batch_hooks(one, "test"):
            return f"{name} is called while the model is evaluated"
    return None


def _overrides(callback: Any, hook: str) -> bool:
    own = getattr(type(callback), hook, None) is not getattr(Callback, hook)
    return own or hook in vars(callback)


class LaneCallbacks:
    """Callbacks of one lane.

    `ready(lane)` makes the lane ready, and `after` of that lane is this object's.

    Args:
        model: of the lane, compiled; lanes may share it.
        callbacks: as `fit` takes them, for this lane alone, without `reason_against_callbacks`.
        epochs, steps: of the training.
        params: more that callbacks are told.

    Attributes:
        history: what the callbacks left in the logs of each epoch; as `fit` returns it.
        error: what a hook raised, which ends this lane and no other; None if none did.
        message: its traceback.
    """

    def __init__(
        self, model: Any, callbacks: Any, *, epochs: int, steps: int | None = None, **params: Any
    ) -> None:
        self.model, self.epochs = model, epochs
        self._given = callbacks, {"verbose": 0, "epochs": epochs, "steps": steps, **params}
        self._callbacks = CallbackList()
        self._values: Values = {}
        self._ready: Ready | None = None
        self.history = History()
        self.error: Exception | None = None
        self.message = ""

    def ready(self, lane: Lane, draw: Callable[[], int] = draw_seed) -> Ready | None:
        """Return the lane with these callbacks, once they have seen the training begin.

        What they change is the lane's; the model is left with the values that it had.

        Args:
            lane: `seed` and `after` are replaced; its steps have been traced (`reason_against`).
            draw: returns the seed, when `fit` would draw it.

        Returns:
            None where a callback ends the training before it begins.
        """
        with _HOOKS:
            self.model.optimizer.build(self.model.trainable_variables)
            before = self._held()
            try:
                return self._begun(lane, draw)
            finally:
                self._put(before)

    def after(self, epoch: int, logs: Logs, now: Callable[[], Values]) -> Next:
        """Call the hooks between two epochs, or those at the end of the training."""
        with _HOOKS:
            values = self._values | now()
            self._put(values)
            stored, numbers = self._stored(), self._numbers()
            try:
                ends = self._hear(epoch, dict(logs))
            except Exception as error:  # noqa: BLE001 - the user's; whoever asked for the lane tells
                self.error, self.message = error, traceback.format_exc()
                return Next(ends=True)
            changed = [v for v, array in stored if v.stored is not array]
            changes = {id(v): np.array(v.stored) for v in changed}
            self._values = values | changes
            return Next(ends, changes, self._other_numbers(numbers), finished=ends)

    def _begun(self, lane: Lane, draw: Callable[[], int]) -> Ready | None:
        callbacks, params = self._given
        self._callbacks = CallbackList(callbacks, add_history=True, model=self.model, **params)
        self.history = self.model.history
        self.model.stop_training = False
        self._callbacks.on_train_begin()
        lane = replace(lane, seed=draw(), after=self.after)
        if self.model.stop_training:
            return None
        self._callbacks.on_epoch_begin(lane.begins)
        self._ready = Ready.of(lane)
        self._values = dict(self._ready.values)
        return self._ready

    def _hear(self, epoch: int, logs: Logs) -> bool:
        """Call what `fit` calls after an epoch; return whether it was the last one."""
        model, callbacks = self.model, self._callbacks
        model.stop_training = False
        model.history = self.history
        callbacks.on_epoch_end(epoch, logs)
        if not model.stop_training and epoch + 1 < self.epochs:
            callbacks.on_epoch_begin(epoch + 1)
            return False
        if getattr(model.optimizer, "use_ema", False):
            model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end(logs)
        return True

    def _stored(self) -> list[tuple[Any, Any]]:
        return [(variable, variable.stored) for variable in self._variables()]

    def _variables(self) -> Sequence[Any]:
        if self._ready is None:
            return variables_of(self.model)
        return self._ready.every_variable()

    def _held(self) -> Values:
        return {id(variable): np.array(variable.stored) for variable in self._variables()}

    def _put(self, values: Values) -> None:
        for variable in self._variables():
            if id(variable) in values:
                variable.assign(values[id(variable)])

    def _numbers(self) -> Numbers:
        assert self._ready is not None
        return self._ready.read_numbers()

    def _other_numbers(self, before: Numbers) -> Numbers | None:
        """Return the lane's numbers with those that hooks have changed; None if there are none."""
        assert self._ready is not None
        after = self._ready.read_numbers()
        if after == before:
            return None
        mine = self._ready.numbers
        chosen = Numbers(
            _changed(mine.scalars, before.scalars, after.scalars),
            _changed(mine.test_scalars, before.test_scalars, after.test_scalars),
            {n: after.hyper[n] if after.hyper[n] != before.hyper[n] else v
             for n, v in mine.hyper.items()},
        )  # fmt: skip
        self._ready = replace(self._ready, numbers=chosen)
        return chosen


def _changed(mine: Sequence[Any], before: Sequence[Any], after: Sequence[Any]) -> tuple[Any, ...]:
    """Return what is the lane's, with other values where these differ."""
    pairs = zip(mine, before, after, strict=True)
    return tuple(new if new != old else own for own, old, new in pairs)
