"""The trainings of one program: as many lanes as it has, taken over and over until all are done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from threading import Lock
from typing import Any

import jax
import numpy as np

from graphc.keras.training.lane import Logs, Next, Ready, Trained, Values, padded
from graphc.keras.training.tracer import TracedStep
from graphc.runtime.data import capacity_for
from graphc.runtime.device import put
from graphc.runtime.lanes import LanesProgram, epoch_program
from graphc.runtime.step import Shared, TrainState


@dataclass
class Slot:
    """A place in the program, and the training that has it."""

    ready: Ready | None = None
    trained: Trained | None = None
    changed: bool = False


class Group:
    """Trainings of one program.

    Args:
        group: the trainings.
        lanes: how many are under way at once.
        own, data: what `shared_data` says of all trainings of the program.
    """

    def __init__(
        self, group: Sequence[Ready], lanes: int, own: tuple[bool, ...], data: tuple[Any, ...]
    ) -> None:
        self.waiting = deque(group)
        self.first = group[0]
        self.slots = [Slot() for _ in range(lanes)]
        self.own, self.data = own, data
        update = self.first.lane.model.optimizer.structure()
        self.program = epoch_program(self.first.stretches, update, self.own)
        self.tests = self.first.tests and epoch_program(self.first.tests, None, self.own)
        self.carry: TrainState | None = None

    def run(self) -> Iterator[Trained]:
        """Yield the trainings as they end."""
        while self._fill():
            yield from self._ended(self._epoch())

    def all(self, first: Lock) -> list[Trained]:
        """Return all trainings; one at a time does its first epoch, which may compile."""
        with first:
            self._fill()
            found = list(self._ended(self._epoch()))
        return [*found, *self.run()]

    def _fill(self) -> bool:
        """Give free slots to waiting trainings; return whether any slot is taken."""
        free = [slot for slot in self.slots if slot.trained is None]
        for slot in free:
            if not self.waiting:
                break
            slot.ready, slot.changed = self.waiting.popleft(), True
            slot.trained = Trained(slot.ready.lane, {})
        if any(slot.changed for slot in self.slots):
            self._place()
        return any(slot.trained is not None for slot in self.slots)

    def _place(self) -> None:
        """Put what new trainings begin with in their slots."""
        ready = [slot.ready or self.first for slot in self.slots]
        groups = []
        for number in range(3):
            columns = zip(*(one.variables()[number] for one in ready), strict=True)
            arrays = [
                np.stack([one.values[id(v)] for one, v in zip(ready, column, strict=True)])
                for column in columns
            ]
            groups.append(arrays)
        if self.carry is not None:
            old = [self.carry.params, self.carry.state, self.carry.slots]
            groups = [
                [self._merged(np.asarray(b), n) for b, n in zip(before, new, strict=True)]
                for before, new in zip(old, groups, strict=True)
            ]
        self.carry = TrainState(*(tuple(map(put, arrays)) for arrays in groups))
        self.shared = _numbers(ready, training=True)
        if any(self.own):
            self.data = _stacked_data(ready, self.own)
        for slot in self.slots:
            slot.changed = False

    def _merged(self, before: np.ndarray, new: np.ndarray) -> np.ndarray:
        whole = np.array(before)
        for number, slot in enumerate(self.slots):
            if slot.changed:
                whole[number] = new[number]
        return whole

    def _epoch(self) -> list[Logs]:
        """Do an epoch of every slot; return its logs."""
        order = np.zeros((len(self.slots), self._capacity()), np.int32)
        for number, slot in enumerate(self.slots):
            if slot.ready is not None and slot.trained is not None:
                order[number] = slot.ready.order(slot.trained.epochs)
        active = np.array([slot.trained is not None for slot in self.slots])
        self.carry, values = self.program.run(self.carry, self.shared, self.data, order, active)
        logs = _by_lane(self.first.traced, jax.device_get(values), len(self.slots))
        if self.tests:
            for mine, found in zip(logs, self._tested(self.tests, active), strict=True):
                mine.update({f"val_{name}": value for name, value in found.items()})
        return logs

    def _capacity(self) -> int:
        return capacity_for(len(self.first.lane.chosen), self.first.lane.batch)

    def _tested(self, program: LanesProgram, active: np.ndarray) -> list[Logs]:
        """Return the logs of the rows that are held back."""
        ready = [slot.ready or self.first for slot in self.slots]
        assert self.carry is not None
        assert self.first.tested is not None
        held = [one.lane.held for one in ready if one.lane.held is not None]
        capacity = capacity_for(len(held[0]), self.first.lane.batch)
        order = np.stack([padded(rows, capacity) for rows in held])
        now = self._now(self.carry)
        params = tuple(now[id(v)] for v in self.first.tested.params)
        # Copies: the run takes them over, and metrics begin anew in any case.
        state = tuple(put(np.array(now[id(v)])) for v in self.first.tested.state)
        shared = _numbers(ready, training=False).replace(params=params)
        _, values = program.run(TrainState(state=state), shared, self.data, order, active)
        return _by_lane(self.first.tested, jax.device_get(values), len(self.slots))

    def _now(self, carry: TrainState) -> dict[int, Any]:
        """Return the arrays of all lanes by the variables of the first one's model."""
        groups = zip(self.first.variables(), (carry.params, carry.state, carry.slots), strict=True)
        before = self.first.values
        whole = {name: np.stack([value] * len(self.slots)) for name, value in before.items()}
        return whole | {
            id(variable): array
            for variables, arrays in groups
            for variable, array in zip(variables, arrays, strict=True)
        }

    def _ended(self, logs: Sequence[Logs]) -> Iterator[Trained]:
        """Take the epoch into account; yield the trainings that it ended."""
        host = cache(self._on_host)  # not fetched where nobody asks
        for number, (slot, mine) in enumerate(zip(self.slots, logs, strict=True)):
            trained, ready = slot.trained, slot.ready
            if trained is None or ready is None:
                continue
            trained.note(mine)
            trained.epochs += 1
            now = partial(_values, ready, host, number)
            after = trained.lane.after
            follows = Next() if after is None else after(trained.epochs - 1, mine, now)
            if not follows.ends and trained.epochs < trained.lane.epochs:
                self._change(number, ready, follows)
                continue
            trained.variables, trained.finished = now() | follows.changes, follows.finished
            slot.trained = None
            yield trained

    def _change(self, number: int, ready: Ready, follows: Next) -> None:
        """Set what a lane goes on with other values of."""
        if follows.numbers is not None:
            self.slots[number].ready = replace(ready, numbers=follows.numbers)
            every = [slot.ready or self.first for slot in self.slots]
            self.shared = _numbers(every, training=True)
        if not follows.changes:
            return
        assert self.carry is not None
        groups = [list(self.carry.params), list(self.carry.state), list(self.carry.slots)]
        for variables, arrays in zip(ready.variables(), groups, strict=True):
            for place, variable in enumerate(variables):
                if id(variable) in follows.changes:
                    array = np.array(arrays[place])
                    array[number] = follows.changes[id(variable)]
                    arrays[place] = put(array)
        self.carry = TrainState(*map(tuple, groups))

    def _on_host(self) -> list[list[np.ndarray]]:
        assert self.carry is not None
        groups = (self.carry.params, self.carry.state, self.carry.slots)
        return [[np.array(array) for array in arrays] for arrays in groups]


def _values(ready: Ready, host: Callable[[], list[list[np.ndarray]]], number: int) -> Values:
    """Return what a lane's variables hold."""
    return {
        id(variable): array[number]
        for variables, arrays in zip(ready.variables(), host(), strict=True)
        for variable, array in zip(variables, arrays, strict=True)
    }


def _numbers(ready: Sequence[Ready], *, training: bool) -> Shared:
    """Return what the steps of each lane read."""
    count = len(ready)
    rows = [one.lane.chosen if training else one.lane.held for one in ready]
    each = [one.numbers for one in ready]
    scalars = zip(*(n.scalars if training else n.test_scalars for n in each), strict=True)
    names = each[0].hyper if training else ()
    return Shared(
        np.array([0 if one is None else len(one) for one in rows], np.int32),
        np.zeros(count, np.int32), np.ones(count, bool),
        tuple(np.stack(column) for column in scalars),
        {name: np.array([one.hyper[name] for one in each], np.float32) for name in names},
    )  # fmt: skip


def shared_data(group: Sequence[Ready]) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
    """Return which leaves lanes have of their own, and the leaves that all share."""
    columns = list(zip(*(one.lane.rows.leaves for one in group), strict=True))
    own = tuple(any(leaf is not column[0] for leaf in column) for column in columns)
    return own, tuple(put(column[0]) for column in columns)


def _stacked_data(ready: Sequence[Ready], own: Sequence[bool]) -> tuple[Any, ...]:
    columns = list(zip(*(one.lane.rows.leaves for one in ready), strict=True))
    return tuple(
        put(np.stack(column)) if mine else put(column[0])
        for column, mine in zip(columns, own, strict=True)
    )


def _by_lane(traced: TracedStep, values: Sequence[np.ndarray], count: int) -> list[Logs]:
    """Return the logs of each lane."""
    found = []
    for number in range(count):
        logs = traced.logs([np.asarray(value)[number] for value in values])
        found.append({name: float(value) for name, value in logs.items()})
    return found
