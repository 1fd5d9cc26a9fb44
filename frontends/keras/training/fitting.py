"""fit, evaluate and predict: epochs, validation, callbacks around the one loop."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from graphc.keras.callbacks.callback_list import CallbackList
from graphc.keras.engine.structure import map_structure
from graphc.keras.training.arrays import Rows, as_rows
from graphc.keras.training.batches import BatchFeed
from graphc.keras.training.eager import EagerSteps
from graphc.keras.training.feed import Feed
from graphc.keras.training.given import batch_size_of
from graphc.keras.training.host import on_host
from graphc.keras.training.nan_watch import NanWatch
from graphc.keras.training.own_steps import own_step
from graphc.keras.training.resume import Place, Resume
from graphc.keras.training.runs import empty_buffers, run_windows
from graphc.keras.training.sources import source_of
from graphc.keras.training.step_hooks import StepHooks
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

    def __init__(self, feed: Feed | BatchFeed) -> None:
        self.feed = feed

    def evaluate(self, callbacks: CallbackList, interrupt: Interrupt) -> dict[str, Any]:
        """Return the logs of one pass, metrics starting anew."""
        model = self.feed.model
        callbacks.on_test_begin()
        model._start_metrics()
        if model.run_eagerly:
            logs = EagerSteps(model).test(self.feed.batches(0, 0))
        else:
            heard = StepHooks(callbacks, "test", model.steps_per_execution)
            logs = run_windows(self.feed.windows(0, 0), heard, interrupt)
            heard.finish(logs)
        callbacks.on_test_end(logs)
        return logs


class Epochs:
    """The training of one `fit`."""

    def __init__(
        self,
        model: Any,
        feed: Feed | BatchFeed,
        callbacks: CallbackList,
        validation: Validation,
        watch: NanWatch,
    ) -> None:
        self.model, self.feed, self.callbacks = model, feed, callbacks
        self.validation = validation
        self.resume, self.watch = Resume(model, feed, callbacks), watch

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
            start = self.resume.start(first, random.getrandbits(32))
            for epoch in range(start.epoch, last):
                if model.stop_training:
                    break
                place = start if epoch == start.epoch else Place(epoch)
                logs = self._epoch(place, interrupt)
                self.resume.after_epoch(epoch)
                interrupt.check()
            if getattr(model.optimizer, "use_ema", False):
                model.optimizer.finalize_variable_values(model.trainable_variables)
            self.callbacks.on_train_end(logs)
            self.resume.finish()

    def _epoch(self, place: Place, interrupt: Interrupt) -> dict[str, Any]:
        if not place.done:
            self.model._start_metrics()
        self.callbacks.on_epoch_begin(place.epoch)
        logs = dict(self._steps(place, interrupt))
        if self.validation.due(place.epoch):
            assert self.validation.held is not None
            found = self.validation.held.evaluate(self.callbacks, interrupt)
            logs.update({f"val_{name}": value for name, value in found.items()})
        self.callbacks.on_epoch_end(place.epoch, logs)
        return logs

    def _steps(self, place: Place, interrupt: Interrupt) -> dict[str, Any]:
        seed, resume, self.watch.epoch = self.resume.seed, self.resume, place.epoch
        if self.model.run_eagerly:
            batches = self.feed.batches(seed, place.epoch, place.done)
            return EagerSteps(self.model).train_epoch(
                batches, self.callbacks, place, resume, self.watch
            )
        heard = StepHooks(self.callbacks, "train", self.model.steps_per_execution, place.done)
        noted = partial(resume.after_steps, place.epoch) if resume.counts_steps else None
        logs = run_windows(
            self.feed.windows(seed, place.epoch, place.done), heard, interrupt,
            logs=place.logs, resume=noted, room=resume.room, watch=self.watch,
            stop=lambda: self.model.stop_training,
        )  # fmt: skip
        heard.finish(logs)
        return logs


def prediction_of(
    model: Any, x: Any, batch_size: Any, limit: int | None
) -> tuple[int | None, Callable[[CallbackList], Any]]:
    """Return how many steps `predict` takes (None while unknown), and what does them."""
    source = source_of(x)
    if source is not None:
        feed = BatchFeed(model, "predict", source, limit=limit)
        return feed.steps, partial(predict_batches, feed)
    rows = as_rows(on_host(model, x), may_be_empty=True)
    if not rows.count:
        return 0, lambda _: model.predict_on_batch(x)
    batch = batch_size_of(batch_size, rows.count, limit)
    steps = min(-(-rows.count // batch), limit or rows.count)
    return steps, partial(predict_rows, model, rows, batch, steps)


def predict_rows(model: Any, rows: Rows, batch: int, limit: int, callbacks: CallbackList) -> Any:
    """Return the outputs of at most `limit` batches as NumPy arrays."""
    if model.run_eagerly:
        feed = Feed(model, "predict", rows, batch, limit=limit)
        return EagerSteps(model).predict(feed.batches(0, 0))
    if rows.count <= batch and own_step(model, "predict") is None:
        callbacks.on_predict_batch_begin(0)
        outputs = model._forward.predict(model, rows)
        callbacks.on_predict_batch_end(model.steps_per_execution - 1)
        return outputs
    feed = Feed(model, "predict", rows, batch, limit=limit)
    heard = StepHooks(callbacks, "predict", model.steps_per_execution)
    if feed.fits:
        outputs = _predict_resident(feed, heard)
        heard.finish({})
        return outputs
    size = segment_steps(rows.leaves, batch) * batch
    count = min(rows.count, limit * batch)
    parts = [
        _predict_resident(_resident(feed, slice(start, min(start + size, count))), heard)
        for start in range(0, count, size)
    ]
    heard.finish({})
    return map_structure(lambda *arrays: np.concatenate(arrays), *parts)


def _resident(feed: Feed, rows: slice) -> Feed:
    """Return a feed of some of the rows, on the device whatever the limit says."""
    part = Feed(feed.model, feed.mode, feed.rows.take(rows), feed.batch)
    part.fits = True
    return part


def _predict_resident(feed: Feed, heard: StepHooks) -> Any:
    """Return the outputs for rows on the device."""
    traced = feed.parts[0].bound.traced
    size = -(-max(feed.data.capacity, feed.rows.count) // feed.batch) * feed.batch
    buffers = empty_buffers(traced, size)
    with interruptible() as interrupt:
        run_windows(feed.windows(0, 0), heard, interrupt, buffers=buffers)
    count = min(feed.rows.count, feed.steps * feed.batch)
    arrays = [np.array(np.asarray(buffer)[:count]) for buffer in buffers]
    return traced.outputs.unflatten(arrays)


def predict_batches(feed: BatchFeed, callbacks: CallbackList) -> Any:
    """Return the outputs for the batches of a source as NumPy arrays, one after the other."""
    if feed.model.run_eagerly:
        return EagerSteps(feed.model).predict(feed.batches(0, 0))
    found: list[Any] = []
    heard = StepHooks(callbacks, "predict", feed.model.steps_per_execution)
    with interruptible() as interrupt:
        for window in feed.windows(0, 0):
            traced = window.bound.traced
            buffers = empty_buffers(traced, window.data.capacity)
            run_windows([window], heard, interrupt, buffers=buffers)
            end = min(window.data.count, window.offset + window.steps * traced.step.batch)
            arrays = [np.array(np.asarray(one)[window.offset : end]) for one in buffers]
            found.append(traced.outputs.unflatten(arrays))
    heard.finish({})
    return map_structure(lambda *arrays: np.concatenate(arrays), *found)
