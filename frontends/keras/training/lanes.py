"""Many trainings at once: those whose steps are one program run as lanes of it.

A search trains the same few models again and again, with other numbers and on other rows. Here a
training is a value (`Lane`); `train` sorts them by the programs of their steps, and gives each
program as many lanes as fit. A lane that ends makes room for the next training, so early stopping
saves time, and any number of trainings takes bounded memory. A step of a small model uses one core
of a CPU, so there are as many such programs at work as cores, each with few lanes: it is the same
program however many trainings there are, and is compiled while more of them are made ready.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Self

from graphc.keras.training.lane import Lane, Ready, Trained
from graphc.keras.training.lane_group import DataOnDevice, Observe
from graphc.keras.training.lane_work import Work, cores
from graphc.keras.training.own_steps import own_step
from graphc.runtime.lanes import in_turn
from graphc.runtime.stream import fits

# FLOPs of a forward step from which lanes gain nothing. On a CPU, larger products use all cores by
# themselves: on two, 784-64-10 by 32 rows (3e6) is 1.25 times faster as lanes, 784-256-10 (1.3e7)
# 1.1 times slower.
LARGEST = 2e8
LARGEST_A_CORE = 5e6


def reason_against(lane: Lane) -> str | None:
    """Return why a training is better done by `fit`; None where it can be a lane."""
    model = lane.model
    if model.run_eagerly or own_step(model, "train") is not None:
        return "its steps are its own"
    if model._host_layers:
        return "its layers read strings"
    if not fits(lane.rows.leaves):
        return "its data do not fit on the device"
    program = lane.parts[0].bound.program
    if program.form == "step":
        return program.why
    turns, _ = in_turn(program.target)
    if program.flops > (LARGEST_A_CORE * cores() if turns else LARGEST):
        return f"with {program.flops:.1e} FLOPs, a step gains nothing from others beside it"
    return None


class Trainings:
    """Trainings to be done together: they are compiled for and begun while more are added.

    A context: what is under way when it ends is waited for, or given up where it ends by an error.

    Args:
        observe: is told of each training after some epochs, and whether it has ended; by any
            thread.
        in_order: whether what is called between epochs is called in one order, always the same:
            for what compares trainings with one another. One core trains then.
    """

    def __init__(self, observe: Observe | None = None, *, in_order: bool = False) -> None:
        self._observe = observe or (lambda *_: None)
        self._added: list[Ready] = []
        self._works: dict[Any, Work] = {}
        self._data = DataOnDevice()
        self._ahead = ThreadPoolExecutor(cores(), "graphc-ahead")
        self._count = 1 if in_order else cores()
        self._crews = ThreadPoolExecutor(self._count, "graphc-lanes")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        for work in self._works.values():
            work.queue.close(drop=True)
        for pool in (self._crews, self._ahead):
            pool.shutdown(cancel_futures=error is not None)

    @property
    def programs(self) -> int:
        """How many programs the trainings take."""
        return len(self._works)

    def add(self, ready: Ready) -> None:
        """Add a training without a `reason_against`."""
        self._added.append(ready)
        work = self._of(ready.key)
        if not work.takes(ready):
            work = self._of((ready.key, "later"))
        work.add(ready)

    def _of(self, key: Any) -> Work:
        if key not in self._works:
            crews = self._crews, self._count
            self._works[key] = Work(self.ahead, crews, self._observe, self._data)
        return self._works[key]

    def ahead(self, work: Callable[[], None]) -> Future[None]:
        """Do something beside, such as a compilation; what fails is left to whoever needs it."""
        return self._ahead.submit(copy_context().run, work)

    def run(self) -> list[Trained | None]:
        """Do all trainings; return what became of them, in the order in which they were added.

        None for those of a program that failed: an error that is theirs comes again with `fit`.
        """
        works = self._works.values()
        for work in works:  # all of them, lest threads wait for more of one while another has them
            work.start()
        found = {trained.lane: trained for work in works for trained in work.results()}
        return [found.get(ready.lane) for ready in self._added]


def train(lanes: Sequence[Ready], *, in_order: bool = False) -> list[Trained | None]:
    """Do every training without a `reason_against`; see `Trainings`."""
    with Trainings(in_order=in_order) as trainings:
        for ready in lanes:
            trainings.add(ready)
        return trainings.run()
