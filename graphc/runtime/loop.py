"""The one loop: fit, evaluate and predict all run chunks of compiled steps through it.

The clock decides only how many steps one call does, which never changes a bit of the result: the
trip count is a runtime operand of one executable.
"""

from __future__ import annotations

import signal
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from graphc import config
from graphc.memory import kept
from graphc.runtime.step import Program

TARGET_SECONDS = 0.25  # a chunk's length in time: a live bar and a prompt Ctrl-C
GUESSED_FLOPS = 2e9  # a step's speed before it was measured, deliberately low
STEP_OVERHEAD = 2e-5  # seconds a step costs at least
CHUNKS_TIMED = 64  # the last ones, whose time a step is reported


@dataclass
class Pace:
    """Chooses chunk lengths: a guess from FLOPs first, then from what was measured."""

    seconds_per_step: float

    @classmethod
    def of(cls, program: Program) -> Pace:
        """Return a pace for a program."""
        work = program.flops * (3 if program.step.mode == "train" else 1)
        return cls(STEP_OVERHEAD + work / GUESSED_FLOPS)

    def length(self, remaining: int) -> int:
        """Return how many steps the next chunk takes."""
        fixed = config.CHUNK.value
        wanted = fixed or max(1, int(TARGET_SECONDS / self.seconds_per_step))
        return min(remaining, wanted)

    def observe(self, steps: int, seconds: float) -> None:
        """Learn from a finished chunk."""
        self.seconds_per_step = max(STEP_OVERHEAD / 10, seconds / steps)


@dataclass
class Clock:
    """How long the last steps took, compiling and callbacks left out."""

    chunks: deque[float] = field(default_factory=lambda: deque[float](maxlen=CHUNKS_TIMED))

    def observe(self, steps: int, seconds: float) -> None:
        """Keep the seconds of a step of a finished chunk."""
        self.chunks.append(seconds / steps)

    @property
    def seconds_per_step(self) -> float | None:
        """The median of what was kept; None when nothing was."""
        return statistics.median(self.chunks) if self.chunks else None


@dataclass
class Interrupt:
    """A Ctrl-C that waits for the end of the chunk, so that no donated array is lost.

    Outside chunks, in callbacks and while data is awaited, it comes through at once.
    """

    pending: bool = False
    holding: bool = False

    def check(self) -> None:
        """Raise the Ctrl-C that arrived meanwhile."""
        if self.pending:
            self.pending = False
            raise KeyboardInterrupt

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let Ctrl-C wait for the next `check`."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Make Ctrl-C wait where chunks hold it; a second one within a chunk comes through at once."""
    flag = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    previous = signal.getsignal(signal.SIGINT)
    if previous is not signal.default_int_handler:
        yield flag  # someone else handles it: leave it to them
        return

    def handler(number: int, frame: Any) -> None:
        if flag.pending or not flag.holding:
            signal.default_int_handler(number, frame)
        flag.pending = True

    signal.signal(signal.SIGINT, handler)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, previous)
    flag.check()


def _nothing(step: int, logs: Any = None) -> None:
    del step, logs


def _not_noted(step: int, steps: int, logs: Any) -> None:
    del step, steps, logs


def _never() -> bool:
    return False


def _unlimited() -> int | None:
    return None


@dataclass(frozen=True)
class Hooks:
    """What the outside does around chunks.

    `before(step)`; `room()`, the most steps that the next chunk may have; `after(last_step, logs)`,
    which may return other logs; `stop()`; and `done(last_step, steps, logs)` when all the others
    were called.
    """

    before: Callable[[int], None] = _nothing
    after: Callable[[int, Any], Any] = _nothing
    stop: Callable[[], bool] = _never
    room: Callable[[], int | None] = _unlimited
    done: Callable[[int, int, Any], None] = _not_noted


@dataclass
class Run:
    """One program over one data set: where the carry lives and what the steps share.

    `shared` is asked before every chunk, so that a callback's change of a scalar is seen.
    """

    program: Program
    data: tuple[Any, ...]
    shared: Callable[[bool], Any]
    take: Callable[[], Any]
    put: Callable[[Any], None]
    order: Any = None
    fresh: bool = False
    clock: Clock = field(default_factory=Clock)

    def steps(self, begin: int, end: int) -> Callable[[], tuple[np.ndarray, ...]]:
        """Do steps begin to end; return a function that waits for the logs after the last one."""
        ranges = [(begin, end)]
        if self.program.form == "step":
            ranges = [(index, index + 1) for index in range(begin, end)]
        carry, logs, calls = self.take(), (), []
        for first, last in ranges:
            if first <= begin + 1:  # the second step of a chunk is no longer fresh
                shared = self.program.prepare(self.shared(self.fresh), carry)
            bounds = np.int32(first), np.int32(last)
            carry, logs = self.program.run(carry, shared, self.data, self.order, *bounds)
            self.put(carry)
            self.fresh = False
            if self.program.step.watched:
                calls.append(logs[-1])
        return lambda: _last(jax.device_get(logs), jax.device_get(calls))


def _last(logs: Any, bad: list[Any]) -> tuple[np.ndarray, ...]:
    """Return the logs after several calls: the last ones, and of bad steps the first."""
    first = next((number for number in bad if number >= 0), None)
    logs = logs if first is None else (*logs[:-1], first)
    return tuple(np.asarray(value) for value in logs)


def run_epoch(run: Run, steps: int, pace: Pace, hooks: Hooks, interrupt: Interrupt) -> Any:
    """Do one pass of `steps` steps in chunks; return the logs of the last one."""
    with kept(run.program.target):
        return _run_chunks(run, steps, pace, hooks, interrupt)


def _run_chunks(run: Run, steps: int, pace: Pace, hooks: Hooks, interrupt: Interrupt) -> Any:
    position = 0
    logs: Any = ()
    while position < steps:
        left = steps - position
        length = min(pace.length(left), hooks.room() or left)
        hooks.before(position)
        compilations, started = run.program.compilations, time.perf_counter()
        with interrupt.held():
            logs = run.steps(position, position + length)()
        seconds = time.perf_counter() - started
        pace.observe(length, seconds)
        if run.program.compilations == compilations:
            run.clock.observe(length, seconds)
        position += length
        logs = hooks.after(position - 1, logs) or logs
        hooks.done(position - 1, length, logs)
        interrupt.check()
        if hooks.stop():
            break
    return logs
