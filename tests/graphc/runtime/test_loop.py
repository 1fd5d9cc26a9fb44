"""The loop: chunks, pace, hooks, and a Ctrl-C that loses nothing."""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import config
from graphc.runtime.loop import (
    STEP_OVERHEAD,
    TARGET_SECONDS,
    Hooks,
    Interrupt,
    Pace,
    Run,
    interruptible,
    run_epoch,
)
from graphc.spec import Target

_count = jax.jit(
    lambda carry, begin, end: carry + (end - begin).astype("float32"), donate_argnums=0
)


@dataclass
class FakeStep:
    """What a pace and a run ask of a step."""

    mode: str = "train"
    watched: bool = False


@dataclass
class FakeProgram:
    """A program that counts its steps in a donated carry."""

    form: str = "scan"
    target: Target = field(default_factory=lambda: Target("cpu"))
    flops: int = 0
    step: FakeStep = field(default_factory=FakeStep)
    calls: list[tuple[int, int]] = field(default_factory=list)
    compilations: int = 0
    at_call: Any = None

    def prepare(self, shared: Any, carry: Any) -> Any:
        return shared

    def run(self, carry: Any, shared: Any, data: Any, order: Any, begin: Any, end: Any) -> Any:
        self.calls.append((int(begin), int(end)))
        if self.at_call is not None:
            self.at_call(len(self.calls))
        last = end if self.form == "scan" else begin + 1
        carry = _count(carry, begin, last)
        return carry, (carry * 1.0,)


class Owner:
    """The owner of the carry."""

    def __init__(self, program: FakeProgram) -> None:
        self.carry = jnp.zeros(())
        self.run = Run(program, (), lambda fresh: None, lambda: self.carry, self._put)  # type: ignore[arg-type]

    def _put(self, carry: Any) -> None:
        self.carry = carry


def _epoch(program: FakeProgram, steps: int, chunk: int, hooks: Hooks | None = None) -> Owner:
    owner = Owner(program)
    with config.CHUNK(chunk):
        logs = run_epoch(owner.run, steps, Pace(1.0), hooks or Hooks(), Interrupt())
    assert float(logs[0]) == float(owner.carry)
    return owner


@pytest.mark.parametrize("form", ["scan", "step"])
@pytest.mark.parametrize("chunk", [1, 3, 10, 100])
def test_every_step_is_done_once_however_long_the_chunks(form: str, chunk: int) -> None:
    program = FakeProgram(form)
    assert float(_epoch(program, 10, chunk).carry) == 10.0
    if form == "step":
        assert program.calls == [(i, i + 1) for i in range(10)]
    else:
        assert [begin for begin, _ in program.calls] == list(range(0, 10, chunk))
        assert program.calls[-1][1] == 10


def test_a_chunk_is_no_longer_than_there_is_room() -> None:
    done: list[tuple[int, int]] = []
    left = [2]

    def note(step: int, steps: int, logs: Any) -> None:
        done.append((step, steps))
        left[0] = 2 if left[0] == steps else left[0] - steps

    program = FakeProgram()
    _epoch(program, 7, 5, Hooks(room=lambda: left[0], done=note))
    assert program.calls == [(0, 2), (2, 4), (4, 6), (6, 7)]
    assert done == [(1, 2), (3, 2), (5, 2), (6, 1)]


def test_the_first_bad_step_of_a_chunk_is_told() -> None:
    program = FakeProgram("step", step=FakeStep(watched=True))
    told = iter([-1, 1, 2])
    program.run = lambda carry, *rest: (carry, (carry * 1.0, np.int32(next(told))))  # type: ignore[method-assign]
    owner = Owner(program)
    logs = run_epoch(owner.run, 3, Pace(1e-9), Hooks(), Interrupt())
    assert int(logs[-1]) == 1


def test_hooks_surround_chunks_and_see_the_logs() -> None:
    seen: list[tuple[str, int, float]] = []
    hooks = Hooks(
        before=lambda step: seen.append(("before", step, -1.0)),
        after=lambda step, logs: seen.append(("after", step, float(logs[0]))),
    )
    _epoch(FakeProgram(), 5, 2, hooks)
    assert seen == [
        ("before", 0, -1.0), ("after", 1, 2.0), ("before", 2, -1.0), ("after", 3, 4.0),
        ("before", 4, -1.0), ("after", 4, 5.0),
    ]  # fmt: skip


def test_stop_ends_the_epoch_after_the_chunk() -> None:
    ends: list[int] = []
    hooks = Hooks(after=lambda step, logs: ends.append(step), stop=lambda: len(ends) == 2)
    assert float(_epoch(FakeProgram(), 10, 3, hooks).carry) == 6.0


def test_no_steps_do_nothing() -> None:
    owner = Owner(FakeProgram())
    assert run_epoch(owner.run, 0, Pace(1.0), Hooks(), Interrupt()) == ()


def test_shared_values_are_asked_for_before_every_chunk() -> None:
    program = FakeProgram()
    owner = Owner(program)
    asked: list[int] = []
    run = Run(program, (), lambda fresh: asked.append(1), owner.run.take, owner.run.put)  # type: ignore[arg-type]
    with config.CHUNK(2):
        run_epoch(run, 6, Pace(1.0), Hooks(), Interrupt())
    assert len(asked) == 3


def test_pace_guesses_from_arithmetic_and_then_measures() -> None:
    light, heavy = (Pace.of(FakeProgram(flops=f)) for f in (0, 10**9))  # type: ignore[arg-type]
    assert light.seconds_per_step == STEP_OVERHEAD
    assert heavy.seconds_per_step > light.seconds_per_step
    assert heavy.length(1000) == 1 < light.length(10**9)
    heavy.observe(10, 10 * TARGET_SECONDS / 25)
    assert heavy.length(1000) == 25 and heavy.length(7) == 7
    heavy.observe(1, 0.0)
    assert heavy.length(10**9) < 10**9, "a clock that stood still is not believed"


def test_inference_is_guessed_a_third_of_training() -> None:
    guesses = [
        Pace.of(FakeProgram(flops=10**9, step=FakeStep(mode))).seconds_per_step  # type: ignore[arg-type]
        for mode in ("train", "test")
    ]
    assert guesses[0] - STEP_OVERHEAD == pytest.approx(3 * (guesses[1] - STEP_OVERHEAD))


def test_room_bounds_a_chunk() -> None:
    owner, begun = Owner(FakeProgram()), []
    with config.CHUNK(10):
        run_epoch(owner.run, 9, Pace(1.0), Hooks(before=begun.append, room=lambda: 4), Interrupt())
    assert begun == [0, 4, 8]


def _interrupt_at(number: int) -> Any:
    def at_call(call: int) -> None:
        if call == number:
            signal.raise_signal(signal.SIGINT)

    return at_call


@pytest.fixture(autouse=True)
def _default_handler() -> Any:
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


@pytest.mark.parametrize("form", ["scan", "step"])
def test_ctrl_c_waits_for_the_end_of_the_chunk(form: str) -> None:
    program = FakeProgram(form, at_call=_interrupt_at(2))
    owner, ends = Owner(program), []
    hooks = Hooks(after=lambda step, logs: ends.append(step))
    with config.CHUNK(3), pytest.raises(KeyboardInterrupt), interruptible() as interrupt:
        run_epoch(owner.run, 9, Pace(1.0), hooks, interrupt)
    done = 6.0 if form == "scan" else 3.0
    assert float(owner.carry) == done, "the carry is whole: the chunk was finished and put back"
    assert ends[-1] == done - 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    program.at_call = None
    with config.CHUNK(3), interruptible() as interrupt:
        run_epoch(owner.run, 9, Pace(1.0), Hooks(), interrupt)
    assert float(owner.carry) == done + 9, "the run goes on from there"


def test_a_second_ctrl_c_comes_through_at_once() -> None:
    def twice(call: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    program = FakeProgram(at_call=twice)
    owner = Owner(program)
    with pytest.raises(KeyboardInterrupt), interruptible() as interrupt:
        run_epoch(owner.run, 9, Pace(1.0), Hooks(), interrupt)
    assert len(program.calls) == 1 and float(owner.carry) == 0.0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_ctrl_c_outside_chunks_comes_through_at_once() -> None:
    with interruptible(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_held_ctrl_c_is_raised_when_leaving() -> None:
    with pytest.raises(KeyboardInterrupt), interruptible() as interrupt, interrupt.held():
        signal.raise_signal(signal.SIGINT)


def test_an_error_is_not_replaced_by_a_ctrl_c() -> None:
    def fail() -> None:
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError("its own")

    with (
        pytest.raises(RuntimeError, match="its own"),
        interruptible() as interrupt,
        interrupt.held(),
    ):
        fail()


def test_another_handler_is_left_to_whoever_set_it() -> None:
    seen: list[int] = []

    def theirs(number: int, frame: Any) -> None:
        seen.append(number)

    signal.signal(signal.SIGINT, theirs)
    with interruptible() as interrupt:
        assert signal.getsignal(signal.SIGINT) is theirs
        signal.raise_signal(signal.SIGINT)
    assert seen == [signal.SIGINT] and not interrupt.pending


def test_another_thread_leaves_signals_alone() -> None:
    found: list[Any] = []

    def work() -> None:
        with interruptible() as interrupt:
            found.extend((interrupt.pending, signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False, signal.default_int_handler]


def test_a_chunks_steps_are_waited_for_by_the_returned_function() -> None:
    owner = Owner(FakeProgram())
    (logs,) = owner.run.steps(0, 4)()
    assert isinstance(logs, np.ndarray) and float(logs) == 4.0
