"""The trainings of one program, and the crews of threads that do them."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Any

from graphc import config
from graphc.keras.config.messages import print_message
from graphc.keras.training.lane import Ready, Trained, variables_of
from graphc.keras.training.lane_group import DataOnDevice, Group, Observe
from graphc.keras.training.lane_queue import Queue
from graphc.memory import kept
from graphc.runtime.lanes import in_turn
from graphc.spec import Target

MOST = 128  # lanes of one program; more gain nothing
IN_TURN = 8  # where they go one after another: for few calls, and not much idle
MEMORY = 1 << 30  # bytes of weights and slots that they may take


class Work:
    """Trainings of one program.

    Where lanes go in turn, the program is the same however many there are: it is compiled once two
    of them tell what they share, and if nothing is called between their epochs they begin at once,
    while more are made ready. Each core has a crew.

    Args:
        ahead: does something in a thread of its own.
        crews: the threads that train, and how many they are.
        observe: is told of each training after some epochs, and whether it has ended.
        data: what is on the device already.
    """

    def __init__(
        self,
        ahead: Callable[[Callable[[], None]], Future[None]],
        crews: tuple[Executor, int],
        observe: Observe,
        data: DataOnDevice,
    ) -> None:
        self.group: list[Ready] = []
        self._ahead, self._observe, self._data = ahead, observe, data
        self._pool, self._most = crews
        self.queue = Queue(self._most)
        self._shared: tuple[tuple[bool, ...], tuple[Any, ...]] = (), ()
        self._compiled: Future[None] | None = None
        self._crews: list[Future[list[Trained]]] = []
        self._queued = 0

    def takes(self, ready: Ready) -> bool:
        """Return whether a training can be among those that have begun, if any have."""
        return not self._crews or (ready.lane.after is None and self._shares(ready))

    def add(self, ready: Ready) -> None:
        """Add a training that it `takes`."""
        self.group.append(ready)
        if self._crews:
            self._begin(0)
        elif len(self.group) == 2 and goes_in_turn(ready):
            self._shared = self._data.shared_by(self.group)
            self._compiled = self._ahead(self._new().compile)
            # What is called between epochs may change what others are made ready from.
            if all(one.lane.after is None for one in self.group) and not any(self._shared[0]):
                self._begin(max(1, self._most - 1))  # one is at work making others ready

    def start(self) -> None:
        """Begin what has not begun; no more are added."""
        if not self._crews:
            before, self._shared = self._shared[0], self._data.shared_by(self.group)
            if self._compiled is None or before != self._shared[0]:
                self._compiled = self._ahead(self._new().compile)
            turns = goes_in_turn(self.group[0])
            self._begin(min(self._most, len(self.group)) if turns else 1)
        elif len(self._crews) < self._most:
            self._begin(1)
        self.queue.close()

    def results(self) -> list[Trained]:
        """Return what became of all trainings once they were started; none where one failed."""
        try:
            return [trained for crew in self._crews for trained in crew.result()]
        except Exception as error:  # noqa: BLE001 - nothing must be lost that others have done
            self.queue.close(drop=True)
            if config.DEBUG.value:
                print_message(f"graphc: trainings of one program failed: {error!r}")
            return []

    def _begin(self, crews: int) -> None:
        self.queue.put(self.group[self._queued :])
        self._queued = len(self.group)
        for _ in range(crews):
            self._crews.append(self._pool.submit(copy_context().run, self._train))

    def _train(self) -> list[Trained]:
        """Return the trainings that one crew has done."""
        if self._compiled is not None:
            self._compiled.exception()  # waits
        with kept(target_of(self.group[0])):
            return list(self._new().run())

    def _new(self) -> Group:
        first, lanes = self.group[0], _width(self.group[0])
        if not goes_in_turn(first):
            turns = -(-len(self.group) // lanes)
            lanes = -(-len(self.group) // turns)
        return Group(self.queue, first, lanes, *self._shared, self._observe)

    def _shares(self, ready: Ready) -> bool:
        pairs = zip(ready.lane.rows.leaves, self.group[0].lane.rows.leaves, strict=True)
        return all(mine is first for mine, first in pairs)


def target_of(ready: Ready) -> Target:
    """Return what a training runs on."""
    return ready.stretches[0].program.target


def goes_in_turn(ready: Ready) -> bool:
    """Return whether lanes of its program are done one after another."""
    return in_turn(target_of(ready))[0]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _width(ready: Ready) -> int:
    """Return how many lanes a program may have; where they go in turn, how many it has."""
    each = 1 + sum(int(v.value.nbytes) for v in variables_of(ready.lane.model))
    most = IN_TURN if goes_in_turn(ready) else MOST
    return max(1, min(most, MEMORY // each))
