"""Runs of a model's steps: traced steps cached by structure, and the loop driven over data."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from graphc import config
from graphc.keras.config.messages import print_message
from graphc.keras.engine.version import Version
from graphc.keras.training.arrays import Rows
from graphc.keras.training.memory_budget import passes_for
from graphc.keras.training.nan_watch import NanWatch
from graphc.keras.training.own_steps import own_step
from graphc.keras.training.step_hooks import StepHooks
from graphc.keras.training.tracer import TracedStep, build_by_trace, is_watched, trace_step
from graphc.lower import default_target
from graphc.passes import PASSES
from graphc.pipeline import selected_passes
from graphc.programs import cache_info
from graphc.runtime.data import DeviceData
from graphc.runtime.loop import Clock, Interrupt, Pace, Run, run_epoch
from graphc.runtime.step import Mode, Program, Shared, TrainState, program_for
from graphc.runtime.store import StateStore
from graphc.runtime.stream import segment_steps, segments
from graphc.tune import tune_unasked

TRACES_KEPT = 16


@dataclass
class Bound:
    """A program bound to one model: its traced step and the store that holds its variables."""

    traced: TracedStep
    program: Program
    store: StateStore
    model: Any
    shared: bool = False  # whether an equal step had its program made before
    clock: Clock = field(default_factory=Clock)

    def run(
        self,
        data: DeviceData,
        order: Any = None,
        offset: int = 0,
        *,
        fresh: bool = False,
        buffers: Any = None,
    ) -> Run:
        """Return a run over `data` whose first row is `offset`; `fresh` starts the metrics anew."""
        mode = self.program.step.mode
        updates = mode == "train" and not self.program.step.reports

        def shared(fresh: bool) -> Shared:
            hyper = self.model.optimizer.scalars() if updates else {}
            params = () if updates else self.store.claim().peek("params")
            state = self.store.peek("state") if mode == "predict" else ()
            return Shared(
                np.int32(data.count), np.int32(offset), np.bool_(fresh), self.traced.read_scalars(),
                {name: np.float32(value) for name, value in hyper.items()}, params, state,
            )  # fmt: skip

        take, put = self._carry(mode, updates, buffers)
        return Run(self.program, data.arrays, shared, take, put, order, fresh, self.clock)

    def _carry(
        self, mode: Mode, updates: bool, buffers: Any
    ) -> tuple[Callable[[], Any], Callable[[Any], None]]:
        store = self.store
        if updates:
            return (
                lambda: TrainState(*store.claim().take()),
                lambda carry: store.put((carry.params, carry.state, carry.slots)),
            )
        if mode != "predict":
            shelf = store.shelves["state"]
            return (
                lambda: TrainState(state=store.claim().shelves["state"].take()),
                lambda carry: shelf.put(carry.state),
            )
        return lambda: tuple(buffers), lambda carry: buffers.__setitem__(slice(None), carry)


class StepKey(NamedTuple):
    """What a traced step depends on; the field names are what a recompile is reported by."""

    mode: Mode
    data: Any  # structure of the arguments, shape of a row and dtype of every array
    batch_size: int
    padding: bool
    shuffle: bool
    target: Any
    passes: Any
    model: int  # the version of the layers' structure
    optimizer: Any
    watched: bool


class StepCache:
    """The traced steps of one model: made anew when its structure changed."""

    def __init__(self) -> None:
        self._bound: OrderedDict[StepKey, Bound] = OrderedDict()
        self.recompiles: list[str] = []
        self._surprises = 0
        self.latest: dict[str, Bound] = {}  # by mode, the main program of the last run

    def clear(self) -> None:
        """Forget them (the compiled programs stay in the program cache)."""
        self._bound.clear()

    def get(
        self,
        model: Any,
        mode: Mode,
        rows: Rows,
        batch: int,
        *,
        masked: bool,
        shuffled: bool,
        expected: bool = False,
    ) -> Bound:
        """Return the bound program for these shapes; `expected` ones are no surprise to report."""
        own = own_step(model, mode) is not None
        if not own:  # which may never call the model itself
            build_by_trace(model, rows, batch)
        known = PASSES if own else passes_for(model, mode, rows, batch)
        passes = selected_passes(known, "train" if mode == "train" else "infer")
        optimizer = _structure(model) if mode == "train" and not own else None
        key = StepKey(
            mode, rows.signature, batch, masked, shuffled, default_target(), passes,
            Version.number, optimizer, is_watched(model, mode),
        )  # fmt: skip
        if key not in self._bound:
            made = cache_info().misses
            bound = _bind(model, mode, rows, batch, masked, shuffled)
            bound.shared = cache_info().misses == made
            if not bound.shared:
                self._note(key, expected)
            # Own steps build what they meet, and tuning changes what kernels are chosen by.
            key = key._replace(model=Version.number, target=default_target())
            self._bound[key] = bound
            while len(self._bound) > TRACES_KEPT:
                self._bound.popitem(last=False)
        self._bound.move_to_end(key)
        return self._bound[key]

    def _note(self, key: StepKey, expected: bool) -> None:
        """Note what made another program necessary: which fields differ from the last one's.

        The second surprise of a model is printed, and then every one that doubles their number.
        """
        before = next((k for k in reversed(self._bound) if k.mode == key.mode), None)
        if before is None:
            return
        pairs = zip(key._fields, before, key, strict=True)
        changed = [(name, old, new) for name, old, new in pairs if old != new]
        told = "; ".join(_told(*each) for each in changed)
        self.recompiles.append(f"{key.mode}: {told}")
        if config.DEBUG.value:
            print_message(f"graphc: recompiled {self.recompiles[-1]}")
        if expected:
            return
        self._surprises += 1
        if self._surprises > 1 and self._surprises & (self._surprises - 1) == 0:
            print_message(f"graphc: {self._surprises} recompiles so far; {key.mode} because {told}")


def _told(name: str, old: Any, new: Any) -> str:
    """Return a changed field with its values, where these can be read."""
    if name == "data":  # (structure, what is absent, shape of a row and dtype of each array)
        old, new = old[-1], new[-1]
    readable = name in ("batch_size", "data", "padding", "shuffle", "watched")
    return f"{name} changed from {old} to {new}" if readable else f"{name} changed"


def _structure(model: Any) -> Any:
    """Return what a training program depends on in the optimizer, and which one it is.

    Raises:
        ValueError: it was built for other variables than are trainable now.
    """
    variables = model.trainable_variables
    model.optimizer.build(variables)
    if not model.optimizer.is_for(variables):
        raise ValueError(
            f"The optimizer of model '{model.name}' was made for other weights than are trainable "
            f"now. Expected: a new `compile()` with a new optimizer after `trainable` changed. "
            f"Received: {len(variables)} trainable variables"
        )
    return model.optimizer, model.optimizer.structure()


def _bind(model: Any, mode: Mode, rows: Rows, batch: int, masked: bool, shuffled: bool) -> Bound:
    traced = trace_step(model, mode, rows, batch, masked=masked)
    if config.AUTOTUNE.value:
        tune_unasked(traced.step.graph, training=mode == "train")
    if mode != "train" or traced.step.reports:
        program = program_for(traced.step, None, shuffled=shuffled)
        return Bound(traced, program, StateStore(params=traced.params, state=traced.state), model)
    program = program_for(traced.step, model.optimizer.structure(), shuffled=shuffled)
    slots = tuple(model.optimizer.variables)
    store = StateStore(params=traced.params, state=traced.state, slots=slots)
    return Bound(traced, program, store, model)


@dataclass
class Part:
    """Some steps of an epoch by one program: `steps` of them, the first row at `offset`."""

    bound: Bound
    steps: int
    offset: int = 0


def plan_parts(
    cache: StepCache, model: Any, mode: Mode, rows: Rows, batch: int, *, shuffled: bool
) -> list[Part]:
    """Return the programs of an epoch: one when the last batch can be padded, else two."""
    count = rows.count
    if mode != "predict" and own_step(model, mode) is not None:
        return _two_parts(cache, model, mode, rows, batch, shuffled)
    padded = cache.get(model, mode, rows, batch, masked=mode != "predict", shuffled=shuffled)
    if padded.traced.mixing is None:
        cache.latest[mode] = padded
        return [Part(padded, -(-count // batch))]
    return _two_parts(cache, model, mode, rows, batch, shuffled)


def _two_parts(
    cache: StepCache, model: Any, mode: Mode, rows: Rows, batch: int, shuffled: bool
) -> list[Part]:
    """Return one program for full batches and another for the rest."""
    full, rest = divmod(rows.count, batch)
    parts = []
    if full:
        bound = cache.get(model, mode, rows, batch, masked=False, shuffled=shuffled, expected=True)
        parts.append(Part(bound, full))
        cache.latest[mode] = bound
    if rest:
        bound = cache.get(model, mode, rows, rest, masked=False, shuffled=shuffled, expected=True)
        parts.append(Part(bound, 1, full * batch))
        cache.latest[mode] = parts[0].bound
    return parts


@dataclass
class Window:
    """Steps that one program does on data that is on the device: the first row at `offset`.

    `whole` says that the data is all there is, so that its rows have the numbers of the user's.
    """

    bound: Bound
    data: DeviceData
    order: Any
    offset: int
    steps: int
    whole: bool = False


def resident(parts: list[Part], data: DeviceData, order: Any) -> Iterator[Window]:
    """Yield the windows of an epoch over data that lives on the device."""
    for part in parts:
        yield Window(part.bound, data, order, part.offset, part.steps, whole=True)


def streamed(parts: list[Part], rows: Rows, order: Any, batch: int) -> Iterator[Window]:
    """Yield the windows of an epoch over segments that are uploaded one ahead of the other."""
    chosen = np.arange(rows.count) if order is None else np.asarray(order)[: rows.count]
    size = segment_steps(rows.leaves, batch)
    full, last = parts[0], parts[-1]
    done = 0
    for data in segments(rows.leaves, chosen, batch, size):
        here = min(size, full.steps - done)
        if here > 0:
            yield Window(full.bound, data, None, 0, here)
        done += max(here, 0)
        if last is not full and done == full.steps and data.count % batch:
            yield Window(last.bound, data, None, max(here, 0) * batch, 1)


def between(windows: Iterable[Window], first: int, end: int, batch: int) -> Iterator[Window]:
    """Yield the steps `first` to `end` (exclusive) of an epoch given as windows."""
    done = 0
    for window in windows:
        skipped = min(max(first - done, 0), window.steps)
        steps = min(window.steps, end - done) - skipped
        done += window.steps
        if steps > 0:
            offset = window.offset + skipped * batch
            yield replace(window, offset=offset, steps=steps)
        if done >= end:
            return


def run_windows(
    windows: Iterable[Window],
    heard: StepHooks,
    interrupt: Interrupt,
    *,
    buffers: Any = None,
    logs: dict[str, Any] | None = None,
    resume: Callable[[int, int, dict[str, Any]], None] | None = None,
    room: Callable[[], int | None] = lambda: None,
    watch: NanWatch | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run steps of one epoch under the callbacks; return the logs after the last one.

    Args:
        windows: the steps.
        heard: what is called around them.
        interrupt: a Ctrl-C that waits.
        buffers: where predictions go.
        logs: those after the steps done before.
        resume: called after each chunk with the steps done in all, those of the chunk, and logs.
        room: how many steps a chunk may have at most, asked before each.
        watch: what looks for a loss that is not finite.
        stop: whether to stop, asked after each.
    """
    logs = dict(logs or {})
    paces: dict[Program, Pace] = {}
    for window in windows:
        bound, steps, done = window.bound, window.steps, heard.done
        run = bound.run(window.data, window.order, window.offset, fresh=done == 0, buffers=buffers)
        hooks = heard.around(bound.traced.logs, stop)
        hooks = replace(
            hooks, room=_smaller(hooks.room, room), done=_noted(bound.traced, done, resume)
        )
        hooks = hooks if watch is None else watch.around(hooks, bound, run, window, done)
        pace = paces.setdefault(bound.program, Pace.of(bound.program))
        values = run_epoch(run, steps, pace, hooks, interrupt)
        logs = bound.traced.logs(values)
        if stop():
            break
    return logs


def _noted(
    traced: TracedStep, before: int, resume: Callable[[int, int, dict[str, Any]], None] | None
) -> Callable[[int, int, Any], None]:
    def note(step: int, steps: int, values: Any) -> None:
        if resume is not None:
            resume(before + step + 1, steps, traced.logs(values))

    return note


def _smaller(*limits: Callable[[], int | None]) -> Callable[[], int | None]:
    def limit() -> int | None:
        return min((found for one in limits if (found := one()) is not None), default=None)

    return limit


def empty_buffers(traced: TracedStep, rows: int) -> list[Any]:
    """Return arrays for the predictions of `rows` rows."""
    specs = [value.spec for value in traced.step.graph.outputs]
    return [jnp.zeros((rows, *spec.shape[1:]), spec.dtype) for spec in specs]
