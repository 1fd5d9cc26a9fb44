"""A whole training step, measured as the loop runs it: XLA's options, and the form of the loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from graphc.cost import graph_flops
from graphc.ir import Graph
from graphc.measured import Measured
from graphc.memory import kept
from graphc.runtime.data import epoch_order, upload
from graphc.runtime.device import put_copy
from graphc.runtime.loop import Pace, Run
from graphc.runtime.step import (
    FORMS,
    SCAN_LIMIT,
    Arrays,
    Form,
    Program,
    Shared,
    Step,
    TrainState,
    loop_choice,
    make_program,
    table_key,
)
from graphc.spec import Target
from graphc.xla_options import Options, option_sets

LEAST_STEPS, MOST_STEPS = 4, 64  # of a sample
WHERE = ("the whole step",)


@dataclass(frozen=True, eq=False)
class StepToTune:
    """A training step as `fit` compiles it, and what to run it on: none of it is changed.

    Attributes:
        step: the step.
        rows: the arrays that it takes batches of, at least a row each.
        params, state: the arrays of the graph's parameters and state.
        scalars: its runtime scalars.
    """

    step: Step
    rows: Arrays
    params: Arrays
    state: Arrays
    scalars: Arrays


@dataclass(frozen=True)
class Descent:
    """Plain gradient descent: what an optimizer does beyond it, all alternatives have to do."""

    rate: float = 1e-3

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: Mapping[str, Any]
    ) -> tuple[Arrays, Arrays]:
        """Return the parameters after a step, and no variables."""
        return tuple(p - self.rate * g for p, g in zip(params, grads, strict=True)), variables

    def scale_loss(self, loss: Any, variables: Arrays, scalars: Mapping[str, Any]) -> Any:
        """Return the loss as it is."""
        return loss


class Turns:
    """Runs programs of one step in turns: the owner of the arrays that each takes and puts back."""

    def __init__(self, given: StepToTune, steps: int) -> None:
        self.steps = steps
        batch = given.step.batch
        rows = steps * batch
        data = upload([_cycled(leaf, rows) for leaf in given.rows], rows, batch)
        self.data, self.order = data.arrays, epoch_order(0, 0, rows, data.capacity)
        self.carry: Any = jax.tree.map(put_copy, TrainState(given.params, given.state))
        self.shared = Shared(np.int32(rows), np.int32(0), np.bool_(False), given.scalars, {})

    def take(self) -> Any:
        """Return the arrays for a program to overwrite."""
        return self.carry

    def put(self, carry: Any) -> None:
        """Keep what a program returned."""
        self.carry = carry

    def seconds_per_step(self, program: Program) -> float:
        """Return the seconds of a step, of one chunk."""
        run = Run(program, self.data, lambda _: self.shared, self.take, self.put, self.order)
        begin = time.perf_counter()
        run.steps(0, self.steps)()
        jax.block_until_ready(self.carry)  # pyright: ignore[reportUnknownMemberType]
        return (time.perf_counter() - begin) / self.steps


def _cycled(leaf: Any, count: int) -> np.ndarray:
    """Return so many rows of an array, which begins anew where it has fewer."""
    first = np.asarray(leaf[:count])
    return first[np.arange(count) % len(first)]


def measured_step(given: StepToTune, target: Target, *, repeats: int) -> Iterator[Measured]:
    """Yield the choice of XLA's options, then that of the loop with these.

    Args:
        given: the step.
        target: what its kernels are chosen for.
        repeats: samples of each alternative, of which the median counts.
    """
    step, update = given.step, None if given.step.reports else Descent()
    usual_form, _ = loop_choice(step.graph, replace(target, measured=""), step.mode)
    sets = option_sets(target.platform)
    usual_set = best = next(iter(sets))

    def program(form: Form, name: str) -> Program:
        options = Options(name, sets[name], "to be measured")
        return make_program(step, update, form, True, target, options)

    by_set = {name: program(usual_form, name) for name in sets}
    if len(by_set) > 1:
        seconds = _compared(given, by_set, repeats)
        key = table_key("options", step.mode, step.graph)
        row = Measured.of("program.options", key, WHERE, usual_set, seconds)
        best = row.entry.best
        yield row
    forms = close_forms(step.graph, usual_form)
    if len(forms) > 1:
        by_form = {form: program(form, best) for form in forms if form != usual_form}
        seconds = _compared(given, {usual_form: by_set[best], **by_form}, repeats)
        key = table_key("loop", step.mode, step.graph)
        yield Measured.of("program.loop", key, WHERE, usual_form, seconds)


def close_forms(graph: Graph, usual: Form) -> tuple[Form, ...]:
    """Return the forms of the loop that may be the faster one, as far as the cost model can say."""
    work = graph_flops(graph)
    close = {"scan": work <= 4 * SCAN_LIMIT, "step": work >= SCAN_LIMIT / 100}
    return tuple(form for name, form in FORMS.items() if close[name] or form == usual)


def _compared(given: StepToTune, programs: Mapping[str, Program], repeats: int) -> dict[str, float]:
    """Return the median seconds of a step of each program; they take turns, sample by sample."""
    first = next(iter(programs.values()))
    turns = Turns(given, max(LEAST_STEPS, Pace.of(first).length(MOST_STEPS)))
    samples: dict[str, list[float]] = {name: [] for name in programs}
    with kept(first.target):
        for program in programs.values():
            turns.seconds_per_step(program)  # compiles
        for _ in range(repeats):
            for name, program in programs.items():
                samples[name].append(turns.seconds_per_step(program))
    return {name: statistics.median(found) for name, found in samples.items()}
