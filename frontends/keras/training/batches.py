"""A source of batches bound to the steps that run on them."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import jax
import numpy as np

from graphc.keras.training.arrays import Rows, as_rows
from graphc.keras.training.feed import RAN_OUT
from graphc.keras.training.host import on_host
from graphc.keras.training.labels import check_labels
from graphc.keras.training.lint import lint
from graphc.keras.training.runs import Window, plan_parts
from graphc.keras.training.sources import Source, parts_of
from graphc.runtime.data import DeviceData, epoch_order
from graphc.runtime.device import put
from graphc.runtime.step import Mode
from graphc.runtime.stream import Prefetch

AHEAD = 64  # batches made before their use
SEGMENT_STEPS, SEGMENT_BYTES = 32, 4 << 20  # steps that one call does, where batches are small


class BatchFeed:
    """Batches for one mode of a model: read ahead in the background, run some at a time.

    How many run in one call depends on how many are ready, and changes nothing but the speed.
    """

    def __init__(
        self,
        model: Any,
        mode: Mode,
        source: Source,
        *,
        shuffle: bool = False,
        class_weight: Any = None,
        limit: int | None = None,
    ) -> None:
        self.model, self.mode, self.source = model, mode, source
        self.shuffle = shuffle and source.ordered
        self.class_weight, self.limit = class_weight, limit
        if source.endless and limit is None:
            raise ValueError(
                f"A {source.kind} without end needs to be told where an epoch ends. Expected "
                f"`{'steps_per_epoch' if mode == 'train' else 'steps'}` to be given (of validation "
                "data `validation_steps`). Received: none"
            )
        self._count = source.count  # of a pass; found out by the first where it is not known
        self._pass: Iterator[Any] | None = None
        self._seen = 0  # batches of the present pass
        self._linted = False
        self._sizes: dict[Any, int] = {}  # rows of a step, for each form of batch
        self._began = 0  # the epoch in which the present pass began
        self._total = 0  # batches of all passes
        self._place = [0, 0, 0]  # these three when the present epoch began
        self._sought = False  # whether the next epoch begins inside a pass that was never made

    @property
    def steps(self) -> int | None:
        """Steps of an epoch; None while unknown."""
        return self.limit or self._count

    def check(self) -> None:
        """Nothing can be said before the first batch is there."""

    def prepare(self) -> None:
        """See to it that the model is built, which takes a look at a first batch."""
        passes = self.source.passes(self._order(0, 0))
        first = next(passes, None)
        if self.source.once:
            self._pass = passes if first is None else chain([first], passes)
        if first is not None:
            rows = self._rows(first)
            plan_parts(
                self.model._programs, self.model, self.mode, rows, rows.count, shuffled=False
            )

    def position(self, *, inside: bool) -> list[int]:
        """Return where in the source the next epoch begins, or the one we are inside of."""
        return self._place if inside else [self._began, self._seen, self._total]

    def seek(self, position: list[int]) -> None:
        """Go where another feed of an equal source was: what that one had is skipped."""
        self._began, self._seen, self._total = position
        self._sought = self.source.once or 0 < self._seen < (self._count or self._seen + 1)

    def _skip_to_place(self, seed: int) -> None:
        """Begin the pass that `seek` names, and skip what was seen of it."""
        self._sought = False
        seen = self._total if self.source.once else self._seen
        self._pass = self._pass or self.source.passes(self._order(seed, self._began))
        deque(islice(self._pass, seen), maxlen=0)

    def batches(self, seed: int, epoch: int, done: int = 0) -> Iterator[Rows]:
        """Yield the batches of one epoch but the first `done`.

        With a limit, an epoch goes on where the last one stopped, and a new pass begins when one
        is through.

        Raises:
            ValueError: no batch at all, or what a batch holds is not data.
        """
        source, wanted = self.source, self.limit or self._count
        source.begin()
        if self._sought:
            self._skip_to_place(seed)
        if self._pass is None or (self.limit is None and not source.once):
            self._pass, self._seen = source.passes(self._order(seed, epoch)), 0
            self._began = epoch
        self._place = [self._began, self._seen, self._total]
        left = wanted if self._count is None else min(wanted or 0, self._count - self._seen)
        found = 0
        for element in islice(self._pass, left):
            found += 1
            if found > done:
                yield self._rows(element)
        self._seen += found
        self._total += found
        if self._seen == 0:
            raise ValueError(
                f"Expected a {source.kind} that gives at least one batch. Received: an empty one"
            )
        if found < (wanted or 1):
            self._count = self._count or (None if source.once and self.limit else self._seen)
            warnings.warn(RAN_OUT, stacklevel=2)
        elif wanted is None:
            self._count = self._seen
        if not source.once and (found < (left or 0) or self._seen == self._count):
            self._pass = None
        source.end()

    def windows(self, seed: int, epoch: int, done: int = 0) -> Iterator[Window]:
        """Yield the steps of one epoch but the first `done`.

        One thread reads batches, another lays the next ones out while the last ones are computed.
        """
        ready = Prefetch(self.batches(seed, epoch, done), AHEAD, _bytes_of)
        laid_out = Prefetch(self._laid_out(ready), 1)
        try:
            for size, whole, data in laid_out:
                yield from self._windows_of(size, whole, data)
        finally:
            ready.close()
            laid_out.close()

    def _laid_out(self, ready: Prefetch[Rows]) -> Iterator[tuple[int, Rows, DeviceData]]:
        """Yield the rows of a step, those of several, and the same on the device."""
        for first in ready:
            for size, group in self._groups([first, *ready.waiting(SEGMENT_STEPS - 1)]):
                yield (size, *_joined(size, group))

    def _order(self, seed: int, epoch: int) -> list[int] | None:
        if not self.source.ordered:
            return None
        count = self.source.count or 0
        order = epoch_order(seed, epoch, count, count) if self.shuffle else range(count)
        return [int(index) for index in np.asarray(order)]

    def _rows(self, element: Any) -> Rows:
        x, *rest = parts_of(element, self.source)
        y, weight = (*rest, None, None)[:2]
        return as_rows(on_host(self.model, x), y, weight, self.class_weight)

    def _groups(self, batches: list[Rows]) -> Iterator[tuple[int, list[Rows]]]:
        """Split batches into runs that one program does: equal ones, and at most a smaller last.

        Yields the rows of a step beside each.
        """
        group: list[Rows] = []
        size = 0
        for rows in batches:
            if group and not self._goes_on(group, rows, size):
                yield size, group
                group = []
            if not group:
                form = rows.signature
                size = self._sizes[form] = max(self._sizes.get(form, 0), rows.count)
            group.append(rows)
        if group:
            yield size, group

    def _goes_on(self, group: list[Rows], rows: Rows, size: int) -> bool:
        return (
            group[-1].count == size >= rows.count
            and len(group) < _steps_of(rows, size)
            and rows.signature == group[0].signature
        )

    def _windows_of(self, size: int, whole: Rows, data: DeviceData) -> Iterator[Window]:
        parts = plan_parts(self.model._programs, self.model, self.mode, whole, size, shuffled=False)
        if self.mode != "predict":
            check_labels(parts[0].bound.traced, whole)
        if self.mode == "train" and not self._linted:
            lint(self.model, parts[0].bound.traced, whole)
            self._linted = True
        for part in parts:
            yield Window(part.bound, data, None, part.offset, part.steps)


def _bytes_of(rows: Rows) -> int:
    return sum(int(leaf.nbytes) for leaf in rows.leaves)


def _joined(size: int, group: list[Rows]) -> tuple[Rows, DeviceData]:
    """Return the rows of a group as one, and on the device: arrays as long for every such group."""
    first = group[0]
    capacity, count = _steps_of(first, size) * size, sum(rows.count for rows in group)
    columns = zip(*(rows.leaves for rows in group), strict=True)
    used = -(-count // size) * size
    arrays = [_in_one(column, count, used, capacity) for column in columns]
    whole = Rows(*first.pack([array[:count] for array in arrays]))
    return whole, DeviceData(tuple(put(array) for array in arrays), count)


def _steps_of(rows: Rows, size: int) -> int:
    """Return how many steps of such batches one call does at most."""
    row = sum(int(np.prod(leaf.shape[1:])) * leaf.dtype.itemsize for leaf in rows.leaves)
    return max(1, min(SEGMENT_STEPS, SEGMENT_BYTES // max(1, row * size)))


def _in_one(column: Any, count: int, used: int, capacity: int) -> Any:
    """Return the arrays one after the other, `capacity` rows; those past `used` are never read."""
    first = column[0]
    if len(column) == 1 and count == capacity:
        return first
    # Of the device's dtype at once: casting what was never written would warn of garbage.
    whole = np.empty((capacity, *first.shape[1:]), jax.dtypes.canonicalize_dtype(first.dtype))
    np.concatenate(column, out=whole[:count], casting="same_kind")
    whole[count:used] = first[:1]  # real rows: what is masked must not be NaN
    return whole
