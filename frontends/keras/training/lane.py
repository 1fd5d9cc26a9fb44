"""A training as a value, what becomes of it, and the programs that it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from graphc.keras.engine.structure import map_structure
from graphc.keras.training.arrays import Rows
from graphc.keras.training.runs import Part, plan_parts
from graphc.keras.training.tracer import TracedStep
from graphc.runtime.data import capacity_for, epoch_order
from graphc.runtime.step import Mode, Program

Logs = dict[str, float]
Values = dict[int, np.ndarray]  # by the identity of a variable


@dataclass(frozen=True)
class Numbers:
    """What the steps of a lane read that is no variable, such as the rate of a dropout."""

    scalars: tuple[np.float32, ...]
    test_scalars: tuple[np.float32, ...]
    hyper: dict[str, float]


@dataclass(frozen=True)
class Next:
    """What follows an epoch.

    Attributes:
        ends: whether the training does.
        changes: other values of some variables.
        numbers: those that the steps read from here on; None for the same as before.
        finished: of a training that ends, whether averages have become its weights already.
    """

    ends: bool = False
    changes: Values = field(default_factory=dict[int, np.ndarray])
    numbers: Numbers | None = None
    finished: bool = False


@dataclass(frozen=True, eq=False)
class Lane:
    """One training to be done.

    Attributes:
        model: compiled; its weights are where the training begins. Lanes may share it.
        rows: all data.
        chosen: the numbers of the rows to train on.
        batch: rows in a step.
        epochs: the number of the epoch at which it ends at the latest.
        begins: the number of its first epoch; callbacks and orders go by it.
        seed: of the order of the rows.
        shuffle: whether there is such an order.
        held: the numbers of the rows to evaluate on after each epoch, for logs "val_*".
        orders: the numbers of the rows in the order of an epoch, for another one than `fit`'s.
        after: is called after each epoch with its number, from 0, its logs, and a function that
            returns the values of the model's variables as they are then.
    """

    model: Any
    rows: Rows
    chosen: np.ndarray
    batch: int
    epochs: int
    seed: int = 0
    shuffle: bool = True
    held: np.ndarray | None = None
    orders: Callable[[int], np.ndarray] | None = None
    after: Callable[[int, Logs, Callable[[], Values]], Next] | None = None
    begins: int = 0

    @property
    def capacity(self) -> int:
        """The length of an order: that of all rows, so that any of them make the same program."""
        return capacity_for(self.rows.count, self.batch)

    @cached_property
    def parts(self) -> list[Part]:
        """The programs of one pass over the rows to train on."""
        return parts_of(self, "train", self.chosen)


@dataclass(eq=False)
class Trained:
    """What became of a lane: the model's variables after it, and the logs of its epochs.

    Weights are those that `fit` leaves: averages, where the optimizer keeps some.
    """

    lane: Lane
    variables: Values
    history: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    epochs: int = 0

    def into(self, model: Any) -> None:
        """Set the variables of a model: the lane's own, or one built in the same way."""
        model.optimizer.build(model.trainable_variables)
        mine, theirs = _lasting(self.lane.model), _lasting(model)
        for one, other in zip(mine, theirs, strict=True):
            if id(one) in self.variables:
                other.assign(self.variables[id(one)])

    def note(self, logs: Logs) -> None:
        """Count an epoch, and append its logs."""
        self.epochs += 1
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)


def variables_of(model: Any) -> list[Any]:
    """Return everything that training changes, in an order that equal models share."""
    return [*model.variables, *model.metrics_variables, *model.optimizer.variables]


def _lasting(model: Any) -> list[Any]:
    """Return what of a model outlives its metrics, in an order that equal models share."""
    weights = [*model.trainable_variables, *model.non_trainable_variables]
    return [*weights, *model.optimizer.variables]


def some_rows(rows: Rows, count: int) -> Rows:
    """Return so many rows that stand for others: their shapes and dtypes, not their numbers."""

    def stand_in(leaf: Any) -> Any:
        return None if leaf is None else np.broadcast_to(leaf[:1], (count, *leaf.shape[1:]))

    return Rows(*map_structure(stand_in, rows.structure))


def parts_of(lane: Lane, mode: Mode, chosen: np.ndarray) -> list[Part]:
    """Return the programs of one pass over rows of a lane."""
    rows = some_rows(lane.rows, len(chosen))
    return plan_parts(lane.model._programs, lane.model, mode, rows, lane.batch, shuffled=True)


def _stretches(parts: Sequence[Part]) -> tuple[Stretch, ...]:
    return tuple(Stretch(part.bound.program, part.steps, part.offset) for part in parts)


@dataclass(frozen=True)
class Stretch:
    """Some steps of every epoch: `steps` of them by one program, the first row at `offset`."""

    program: Program
    steps: int
    offset: int


@dataclass(frozen=True, eq=False)
class Ready:
    """A lane with the programs of its epochs, and the numbers that its model had when it was made.

    So a model can be set to other numbers for the next lane.
    """

    lane: Lane
    traced: TracedStep
    tested: TracedStep | None
    stretches: tuple[Stretch, ...]
    tests: tuple[Stretch, ...]
    values: Values
    numbers: Numbers

    @classmethod
    def of(cls, lane: Lane) -> Ready:
        """Trace the steps of a lane, where its model has no such trace yet."""
        parts = lane.parts
        tests = [] if lane.held is None else parts_of(lane, "test", lane.held)
        tested = tests[0].bound.traced if tests else None
        traced = parts[0].bound.traced
        return cls(
            lane, traced, tested, _stretches(parts), _stretches(tests),
            {id(v): np.array(v.value) for v in _read(lane.model, traced, tested)},
            _numbers(lane.model, traced, tested),
        )  # fmt: skip

    @property
    def key(self) -> Any:
        """Equal for lanes of one program."""
        parts = tuple((id(s.program), s.steps, s.offset) for s in (*self.stretches, *self.tests))
        return parts, self.lane.rows.count

    def variables(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Return what a step of training changes: parameters, state, slots."""
        slots = self.lane.model.optimizer.variables
        return list(self.traced.params), list(self.traced.state), list(slots)

    def every_variable(self) -> list[Any]:
        """Return all that the model has, and what its steps read or change beside that."""
        return _read(self.lane.model, self.traced, self.tested)

    def read_numbers(self) -> Numbers:
        """Return the numbers of the model as they are now."""
        return _numbers(self.lane.model, self.traced, self.tested)

    def orders(self, first: int, count: int) -> np.ndarray:
        """Return the numbers of the rows in the order of so many epochs [count, capacity]."""
        lane, chosen = self.lane, self.lane.chosen
        epochs = range(first, first + count)
        if lane.orders is not None:
            return padded(np.stack([lane.orders(epoch) for epoch in epochs]), lane.capacity)
        if not lane.shuffle:
            return padded(np.broadcast_to(chosen, (count, len(chosen))), lane.capacity)
        capacity = capacity_for(len(chosen), lane.batch)
        seeded = [epoch_order(lane.seed, epoch, len(chosen), capacity) for epoch in epochs]
        return padded(chosen[np.stack(seeded)[:, : len(chosen)]], lane.capacity)


def _read(model: Any, traced: TracedStep, tested: TracedStep | None) -> list[Any]:
    steps = (traced,) if tested is None else (traced, tested)
    found = [*variables_of(model), *(v for one in steps for v in (*one.params, *one.state))]
    return list({id(variable): variable for variable in found}.values())


def _numbers(model: Any, traced: TracedStep, tested: TracedStep | None) -> Numbers:
    of_tests = () if tested is None else tested.read_scalars()
    return Numbers(traced.read_scalars(), of_tests, model.optimizer.scalars())


def padded(numbers: np.ndarray, capacity: int) -> np.ndarray:
    """Return the numbers of rows [..., N] as orders; what follows them is never looked at."""
    orders = np.zeros((*numbers.shape[:-1], capacity), np.int32)
    orders[..., : numbers.shape[-1]] = numbers
    return orders
