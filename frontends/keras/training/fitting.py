"""fit, evaluate and predict: epochs, validation, callbacks around the one loop."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.config.limits import limited_steps
from graphc.keras.engine.structure import map_structure
from graphc.keras.training.arrays import Rows
from graphc.keras.training.eager import EagerSteps
from graphc.keras.training.feed import Feed
from graphc.keras.training.runs import empty_buffers, run_windows
from graphc.runtime.loop import Interrupt, interruptible
from graphc.runtime.stream import segment_steps


@dataclass
class Validation:
    """What to evaluate on between epochs, and how often."""

    held: Held | None
    frequency: Any

    def due(self, epoch: int) -> bool:
        """Return whether to evaluate after this epoch (from 0)."""
        if self.held is None:
            return False
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


class Held:
    """Data to evaluate on: uploaded once, however often it is used."""

    def __init__(self, model: Any, rows: Rows, batch: int, limit: int | None) -> None:
        self.feed = Feed(model, "test", rows, batch, shuffle=False)
        self.limit = limited_steps(limit)

    @property
    def steps(self) -> int:
        """Steps of one pass."""
        return self.feed.steps if self.limit is None else min(self.feed.steps, self.limit)

    def evaluate(self, callbacks: CallbackList, interrupt: Interrupt) -> dict[str, Any]:
        """Return the logs of one pass, metrics starting anew."""
        model = self.feed.model
        callbacks.on_test_begin()
        model._start_metrics()
        if model.run_eagerly:
            logs = EagerSteps(model).test(self.feed.rows, self.feed.batch)
        else:
            logs = run_windows(self.feed.windows(0, 0), callbacks, interrupt, limit=self.limit)
        callbacks.on_test_end(logs)
        return logs


class Epochs:
    """The training of one `fit`."""

    def __init__(
        self, model: Any, feed: Feed, callbacks: CallbackList, validation: Validation, steps: int
    ) -> None:
        self.model, self.feed, self.callbacks = model, feed, callbacks
        self.validation, self.steps = validation, steps
        self.seed = random.getrandbits(32)

    def run(self, first: int, last: int) -> None:
        """Do epochs `first` to `last` (exclusive), or until a callback stops the training."""
        model, logs = self.model, {}
        model.stop_training = False
        if not model.run_eagerly:
            self.feed.check()
            if self.validation.held is not None:
                self.validation.held.feed.check()
        with interruptible() as interrupt:
            self.callbacks.on_train_begin()
            for epoch in range(first, last):
                logs = self._epoch(epoch, interrupt)
                interrupt.check()
                if model.stop_training:
                    break
            if getattr(model.optimizer, "use_ema", False):
                model.optimizer.finalize_variable_values(model.trainable_variables)
            self.callbacks.on_train_end(logs)

    def _epoch(self, epoch: int, interrupt: Interrupt) -> dict[str, Any]:
        self.model._start_metrics()
        self.callbacks.on_epoch_begin(epoch)
        logs = dict(self._steps(epoch, interrupt))
        if self.validation.due(epoch):
            assert self.validation.held is not None
            found = self.validation.held.evaluate(self.callbacks, interrupt)
            logs.update({f"val_{name}": value for name, value in found.items()})
        self.callbacks.on_epoch_end(epoch, logs)
        return logs

    def _steps(self, epoch: int, interrupt: Interrupt) -> dict[str, Any]:
        if self.model.run_eagerly:
            return EagerSteps(self.model).train_epoch(
                self.feed, self.steps, (self.seed, epoch), self.callbacks
            )
        return run_windows(
            self.feed.windows(self.seed, epoch), self.callbacks, interrupt,
            limit=self.steps, stop=lambda: self.model.stop_training,
        )  # fmt: skip


def predict_rows(model: Any, rows: Rows, batch: int, limit: int, callbacks: CallbackList) -> Any:
    """Return the outputs of at most `limit` batches as NumPy arrays."""
    if model.run_eagerly:
        return EagerSteps(model).predict(rows, batch)
    if rows.count <= batch:
        callbacks.on_predict_batch_begin(0)
        outputs = model._forward.predict(model, rows)
        callbacks.on_predict_batch_end(0)
        return outputs
    feed = Feed(model, "predict", rows, batch, shuffle=False)
    if feed.fits:
        return _predict_resident(feed, limit, callbacks)
    size = segment_steps(rows.leaves, batch) * batch
    starts = range(0, min(rows.count, limit * batch), size)
    parts = [
        _predict_resident(_resident(feed, slice(start, start + size)), limit, callbacks)
        for start in starts
    ]
    return map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def _resident(feed: Feed, rows: slice) -> Feed:
    """Return a feed of some of the rows, on the device whatever the limit says."""
    part = Feed(feed.model, feed.mode, feed.rows.take(rows), feed.batch, shuffle=False)
    part.fits = True
    return part


def _predict_resident(feed: Feed, limit: int, callbacks: CallbackList) -> Any:
    traced = feed.parts[0].bound.traced
    size = -(-max(feed.data.capacity, feed.rows.count) // feed.batch) * feed.batch
    buffers = empty_buffers(traced, size)
    with interruptible() as interrupt:
        run_windows(feed.windows(0, 0), callbacks, interrupt, limit=limit, buffers=buffers)
    count = min(feed.rows.count, limit * feed.batch)
    arrays = [np.array(np.asarray(buffer)[:count]) for buffer in buffers]
    return traced.outputs.unflatten(arrays)
