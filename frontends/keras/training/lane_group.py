"""The trainings of one program: so many at once, until none is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import jax
import numpy as np

from graphc.keras.training.lane import Logs, Next, Ready, Stretch, Trained, Values, padded
from graphc.keras.training.lane_queue import Queue
from graphc.keras.training.tracer import TracedStep
from graphc.runtime.device import put
from graphc.runtime.lanes import LanesProgram, epoch_program, in_turn
from graphc.runtime.loop import Pace
from graphc.runtime.step import Program, Shared, TrainState

AT_ONCE = 8  # epochs of a call at most
ORDERS = 16 << 20  # bytes of the orders of a call, where it has more than one epoch
Observe = Callable[[Trained, bool], None]


@dataclass
class Slot:
    """A place in the program, and the training that has it."""

    ready: Ready | None = None
    trained: Trained | None = None
    changed: bool = False


class Group:
    """Some trainings of one program that are under way together.

    Args:
        queue: where it takes them from.
        first: any of them.
        lanes: how many are under way at once.
        own, data: what `DataOnDevice` says of all trainings of the program.
        observe: is told of each training after some epochs, and whether it has ended.
    """

    def __init__(
        self,
        queue: Queue,
        first: Ready,
        lanes: int,
        own: tuple[bool, ...],
        data: tuple[Any, ...],
        observe: Observe,
    ) -> None:
        self.queue, self.first, self.observe = queue, first, observe
        self.slots = [Slot() for _ in range(lanes)]
        self.own, self.data = own, data
        update = self.first.lane.model.optimizer.structure()
        self.program = epoch_program(_programs(first.stretches), update, self.own)
        self.tests = first.tests and epoch_program(_programs(first.tests), None, self.own)
        main = self.first.stretches[0].program
        self.in_turn, _ = in_turn(main.target)
        self.steps = sum(stretch.steps for stretch in self.first.stretches)
        self.pace = Pace.of(main)
        looked_at = self.tests or first.lane.after is not None
        fit = ORDERS // (4 * lanes * first.lane.capacity)
        self.most = 1 if looked_at else max(1, min(AT_ONCE, fit))
        self.carry: TrainState | None = None

    def run(self) -> Iterator[Trained]:
        """Yield the trainings as they end."""
        while not self.queue.dropped and self._fill():
            yield from self._ended(self._epochs())

    def compile(self) -> None:
        """Compile what an epoch needs, and train nothing."""
        self._place()
        counts = np.zeros(len(self.slots), np.int32)
        orders = self._orders(counts)
        stretches = _steps(self.first.stretches)
        self.program.run.compile_for(self.carry, self.shared, self.data, orders, counts, stretches)
        if self.tests:
            self.tests.run.compile_for(*self._test_arguments(counts))

    def _fill(self) -> bool:
        """Give free slots to waiting trainings; return whether any slot is taken."""
        free = [slot for slot in self.slots if slot.trained is None]
        # In turn an idle lane takes no time, and to fill its place alone would.
        if free and (len(free) == len(self.slots) or not self.in_turn):
            found = self.queue.take(len(free))
            for slot, ready in zip(free, found, strict=False):
                slot.ready, slot.changed = ready, True
                slot.trained = Trained(ready.lane, {}, epochs=ready.lane.begins)
            if found:
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
        if self.carry is not None and not self.in_turn:
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

    def _epochs(self) -> list[list[Logs]]:
        """Do some epochs of every slot; return their logs."""
        counts, begun = self._counts(), time.perf_counter()
        orders = self._orders(counts)
        self.carry, values = self.program.run(
            self.carry, self.shared, self.data, orders, counts, _steps(self.first.stretches)
        )
        logs = _by_lane(self.first.traced, jax.device_get(values), counts)
        steps = int(counts.sum() if self.in_turn else counts.max()) * self.steps
        self.pace.observe(steps, time.perf_counter() - begun)
        if self.tests:
            for mine, tested in zip(logs, self._tested(self.tests, counts), strict=True):
                for one, found in zip(mine, tested, strict=True):
                    one.update({f"val_{name}": value for name, value in found.items()})
        return logs

    def _counts(self) -> np.ndarray:
        """Return how many epochs each slot does next: one where somebody looks between them."""
        trained = [slot.trained for slot in self.slots]
        under_way = sum(one is not None for one in trained) if self.in_turn else 1
        most = self.pace.length(self.most * under_way * self.steps) // (under_way * self.steps)
        counts = [0 if one is None else self._count(one, max(1, most)) for one in trained]
        return np.array(counts, np.int32)

    def _count(self, trained: Trained, most: int) -> int:
        lane = trained.lane
        return 1 if lane.after is not None else min(most, lane.epochs - trained.epochs)

    def _orders(self, counts: np.ndarray) -> np.ndarray:
        """Return the rows of the epochs that each slot does [lanes, E, capacity]."""
        orders = np.zeros((len(self.slots), self.most, self.first.lane.capacity), np.int32)
        for place, (slot, count) in enumerate(zip(self.slots, counts, strict=True)):
            if slot.ready is not None and slot.trained is not None:
                orders[place, :count] = slot.ready.orders(slot.trained.epochs, count)
        return orders

    def _tested(self, program: LanesProgram, counts: np.ndarray) -> list[list[Logs]]:
        """Return the logs of the rows that are held back."""
        assert self.first.tested is not None
        _, values = program.run(*self._test_arguments(counts))
        return _by_lane(self.first.tested, jax.device_get(values), counts)

    def _test_arguments(self, counts: np.ndarray) -> tuple[Any, ...]:
        ready = [slot.ready or self.first for slot in self.slots]
        assert self.carry is not None
        assert self.first.tested is not None
        held = [one.lane.held for one in ready if one.lane.held is not None]
        orders = np.stack([padded(rows, self.first.lane.capacity) for rows in held])[:, None]
        now = self._now(self.carry)
        params = tuple(now[id(v)] for v in self.first.tested.params)
        # Copies: the run takes them over, and metrics begin anew in any case.
        state = tuple(put(np.array(now[id(v)])) for v in self.first.tested.state)
        shared = _numbers(ready, training=False).replace(params=params)
        stretches = _steps(self.first.tests)
        return TrainState(state=state), shared, self.data, orders, counts, stretches

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

    def _ended(self, logs: Sequence[Sequence[Logs]]) -> Iterator[Trained]:
        """Take the epochs into account; yield the trainings that they ended."""
        host = cache(self._on_host)  # not fetched where nobody asks
        for number, (slot, found) in enumerate(zip(self.slots, logs, strict=True)):
            trained, ready = slot.trained, slot.ready
            if trained is None or ready is None:
                continue
            for mine in found:
                trained.note(mine)
            now = partial(_values, ready, host, number)
            after = trained.lane.after
            follows = Next() if after is None else after(trained.epochs - 1, found[-1], now)
            if not follows.ends and trained.epochs < trained.lane.epochs:
                self._change(number, ready, follows)
                self.observe(trained, False)
                continue
            trained.variables = now() | follows.changes
            if not follows.finished:
                _finish(trained)
            slot.trained = None
            self.observe(trained, True)
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


def _programs(stretches: Sequence[Stretch]) -> tuple[Program, ...]:
    return tuple(one.program for one in stretches)


def _steps(stretches: Sequence[Stretch]) -> np.ndarray:
    """Return how many steps of each program an epoch has, and from which row on [P, 2]."""
    return np.array([(one.steps, one.offset) for one in stretches], np.int32)


def _finish(trained: Trained) -> None:
    """Let averages become the weights, as at the end of `fit`."""
    model, values = trained.lane.model, trained.variables
    if getattr(model.optimizer, "use_ema", False):
        pairs = model.optimizer.averages_of(model.trainable_variables)
        values |= {id(weight): values[id(average)] for weight, average in pairs}


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


class DataOnDevice:
    """One copy on the device of every array, however many programs read it."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Any, Any]] = {}  # the array stays alive with its identity

    def shared_by(self, group: Sequence[Ready]) -> tuple[tuple[bool, ...], tuple[Any, ...]]:
        """Return which leaves lanes have of their own, and the first lane's leaves."""
        columns = list(zip(*(one.lane.rows.leaves for one in group), strict=True))
        own = tuple(any(leaf is not column[0] for leaf in column) for column in columns)
        return own, tuple(self._put(column[0]) for column in columns)

    def _put(self, leaf: Any) -> Any:
        if id(leaf) not in self._known:
            self._known[id(leaf)] = leaf, put(leaf)
        return self._known[id(leaf)][1]


def _stacked_data(ready: Sequence[Ready], own: Sequence[bool]) -> tuple[Any, ...]:
    columns = list(zip(*(one.lane.rows.leaves for one in ready), strict=True))
    return tuple(
        put(np.stack(column)) if mine else put(column[0])
        for column, mine in zip(columns, own, strict=True)
    )


def _by_lane(
    traced: TracedStep, values: Sequence[np.ndarray], counts: Sequence[int]
) -> list[list[Logs]]:
    """Return the logs of each lane and epoch."""

    def logs(lane: int, epoch: int) -> Logs:
        found = traced.logs([np.asarray(value)[lane, epoch] for value in values])
        return {name: float(value) for name, value in found.items()}

    return [[logs(lane, n) for n in range(count)] for lane, count in enumerate(counts)]
