"""Arrays bound to the steps that run on them: on the device when they fit, streamed otherwise."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.keras.engine.version import Version
from graphc.keras.training.arrays import Rows
from graphc.keras.training.labels import check_labels
from graphc.keras.training.lint import lint
from graphc.keras.training.runs import Part, Window, between, plan_parts, resident, streamed
from graphc.runtime.data import DeviceData, capacity_for, epoch_order, upload
from graphc.runtime.step import Mode
from graphc.runtime.stream import fits

RAN_OUT = (
    "Your input ran out of data; interrupting training. Make sure that your dataset or generator "
    "can generate at least `steps_per_epoch * epochs` batches. You may need to use the `.repeat()` "
    "function when building your dataset."
)


class Feed:
    """Rows for one mode of a model; uploaded once, however many epochs run."""

    def __init__(
        self,
        model: Any,
        mode: Mode,
        rows: Rows,
        batch: int,
        *,
        shuffle: bool = False,
        limit: int | None = None,
    ) -> None:
        self.model, self.mode, self.rows, self.batch = model, mode, rows, batch
        self.shuffle, self.limit = shuffle, limit
        self._begun = 0  # passes over the rows; with a limit they are not the epochs
        self._position = 0  # steps of the present pass that are done
        self.fits = fits(rows.leaves)
        self._data: DeviceData | None = None
        self._parts: tuple[int, list[Part]] | None = None
        self._checked = mode == "predict"

    @property
    def steps(self) -> int:
        """Steps of an epoch, the partial last one included."""
        if self.limit is None:
            return self._whole
        return self.limit if self.mode == "train" else min(self.limit, self._whole)

    @property
    def _whole(self) -> int:
        return -(-self.rows.count // self.batch)

    @property
    def parts(self) -> list[Part]:
        """The programs of an epoch; looked up anew when a callback changed the model."""
        if self._parts is None or self._parts[0] != Version.number:
            model, shuffled = self.model, self.shuffle and self.fits
            found = plan_parts(
                model._programs, model, self.mode, self.rows, self.batch, shuffled=shuffled
            )
            self._parts = (Version.number, found)
        return self._parts[1]

    def check(self) -> None:
        """Trace the steps and look at the labels, so that what is wrong fails before any step.

        Raises:
            ValueError: the data does not fit the model.
        """
        if not self._checked:
            traced = self.parts[0].bound.traced
            check_labels(traced, self.rows)
            if self.mode == "train":
                lint(self.model, traced, self.rows)
            self._checked = True

    @property
    def data(self) -> DeviceData:
        """The rows on the device."""
        if self._data is None:
            self._data = upload(self.rows.leaves, self.rows.count, self.batch)
        return self._data

    def prepare(self) -> None:
        """See to it that the model is built."""
        self.check()

    def position(self, *, inside: bool) -> list[int]:
        """Return where in the rows the next epoch begins, or the one we are inside of."""
        del inside  # the place moves on at the end of an epoch
        return [self._begun, self._position]

    def seek(self, position: list[int]) -> None:
        """Go where another feed of the same rows was."""
        self._begun, self._position = position

    def batches(self, seed: int, epoch: int, done: int = 0) -> Iterator[Rows]:
        """Yield the rows of each step of one epoch but the first `done`, as `windows` do."""
        for number, first, steps in self._stretch(epoch, done):
            order = np.arange(self.rows.count)
            if self.shuffle:
                order = np.asarray(epoch_order(seed, number, self.rows.count, self.rows.count))
            for step in range(first, first + steps):
                yield self.rows.take(order[step * self.batch : (step + 1) * self.batch])

    def windows(self, seed: int, epoch: int, done: int = 0) -> Iterator[Window]:
        """Yield the steps of one epoch but the first `done`, shuffled as (seed, epoch) say."""
        self.check()
        for number, first, steps in self._stretch(epoch, done):
            yield from between(self._pass(seed, number), first, first + steps, self.batch)

    def _stretch(self, epoch: int, done: int) -> Iterator[tuple[int, int, int]]:
        """Yield the pass, the first step to do and how many, to make the rest of this epoch.

        With a limit, an epoch of training goes on where the last one stopped, as in Keras; one that
        comes to the end of the rows is shorter.
        """
        if self.limit is None or self.mode != "train":
            yield epoch, done, self.steps - done
            return
        steps = min(self.limit, self._whole - self._position)
        yield self._begun, self._position + done, steps - done
        if steps < self.limit:
            warnings.warn(RAN_OUT, stacklevel=2)
        self._position += steps
        if self._position == self._whole:
            self._begun, self._position = self._begun + 1, 0

    def _pass(self, seed: int, number: int) -> Iterator[Window]:
        """Return the steps of one pass over the rows."""
        parts, count = self.parts, self.rows.count
        capacity = self.data.capacity if self.fits else capacity_for(count, self.batch)
        order = epoch_order(seed, number, count, capacity) if self.shuffle else None
        if self.fits:
            return resident(parts, self.data, order)
        return streamed(parts, self.rows, order, self.batch)
