"""A data set bound to the steps that run on it: on the device when it fits, streamed otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphc.keras.engine.version import Version
from graphc.keras.training.arrays import Rows
from graphc.keras.training.labels import check_labels
from graphc.keras.training.runs import Part, Window, plan_parts, resident, streamed
from graphc.keras.training.tracer import Mode
from graphc.runtime.data import DeviceData, capacity_for, epoch_order, upload
from graphc.runtime.stream import fits


class Feed:
    """Rows for one mode of a model; uploaded once, however many epochs run."""

    def __init__(self, model: Any, mode: Mode, rows: Rows, batch: int, *, shuffle: bool) -> None:
        self.model, self.mode, self.rows, self.batch = model, mode, rows, batch
        self.shuffle = shuffle
        self.fits = fits(rows.leaves)
        self._data: DeviceData | None = None
        self._parts: tuple[int, list[Part]] | None = None
        self._checked = mode == "predict"

    @property
    def steps(self) -> int:
        """Steps of an epoch, the partial last one included."""
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
            check_labels(self.parts[0].bound.traced, self.rows)
            self._checked = True

    @property
    def data(self) -> DeviceData:
        """The rows on the device."""
        if self._data is None:
            self._data = upload(self.rows.leaves, self.rows.count, self.batch)
        return self._data

    def windows(self, seed: int, epoch: int) -> Iterator[Window]:
        """Return the steps of one epoch, shuffled as (seed, epoch) say."""
        self.check()
        parts = self.parts
        count = self.rows.count
        capacity = self.data.capacity if self.fits else capacity_for(count, self.batch)
        order = epoch_order(seed, epoch, count, capacity) if self.shuffle else None
        if self.fits:
            return resident(parts, self.data, order)
        return streamed(parts, self.rows, order, self.batch)
