"""One step as data: the graph of model, loss and metrics, and how it is compiled into a program."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import flax.struct
import jax
import jax.numpy as jnp
from jax import lax

from graphc import config
from graphc.body import every_node
from graphc.cost import graph_flops
from graphc.executable import tell_plan
from graphc.ir import Graph, fingerprint
from graphc.jitted import Jitted
from graphc.kernels.tuned import TABLES
from graphc.lower import default_target, lower, plan
from graphc.prepare import Prepared, split
from graphc.programs import PROGRAMS
from graphc.spec import Target
from graphc.xla_options import Options, choose_options

Arrays = tuple[Any, ...]
Form = Literal["scan", "step"]
Mode = Literal["train", "test", "predict"]
FORMS: dict[str, Form] = {"scan": "scan", "step": "step"}
SCAN_LIMIT = 4e8  # FLOPs of a forward step above which a loop in the program gains nothing
# On the CPU, filter gradients in a while body fall to a naive loop.
UNSCANNABLE = ("nn.conv", "nn.conv_transpose")


class Update(Protocol):
    """The pure half of an optimizer; hashable, equal when it computes the same."""

    def update(
        self, grads: Arrays, variables: Arrays, params: Arrays, scalars: Mapping[str, Any]
    ) -> tuple[Arrays, Arrays]: ...

    def scale_loss(self, loss: Any, variables: Arrays, scalars: Mapping[str, Any]) -> Any: ...


@flax.struct.dataclass
class TrainState:
    """What a step changes: parameters, other state (statistics, seeds, metrics), slots.

    `reported` is what the last step put out, where steps report for themselves; `bad` the first
    step whose loss was not finite (-1 for none), where that is watched.
    """

    params: Arrays = ()
    state: Arrays = ()
    slots: Arrays = ()
    reported: Arrays = ()
    bad: Any = ()


@dataclass(frozen=True, eq=False)
class Step:
    """A traced step.

    Attributes:
        mode: "train" (outputs: the loss), "test" (no outputs) or "predict" (the predictions).
        reports: whether the graph is a whole step of the user's own: all variables are state, and
            the outputs are what it reports.
        watched: whether a run tells its first step whose loss (or report) is not finite.
        graph: optimised; its inputs are the batch's leaves, then `valid`, then scalars.
        logs: a graph without inputs from the same state to the metrics' results.
        leaves: how many inputs are gathered from the data.
        batch: rows in a step.
        masked: whether there is a `valid` input, 1.0 for a real row and 0.0 for padding.
        resets: of each state tensor, whether it is zeroed when a run starts afresh (metrics).
        constraints: of each parameter, a function of its new value, or None.
        constraint_key: equal for equal constraints.
    """

    mode: Mode
    graph: Graph
    logs: Graph
    leaves: int
    batch: int
    masked: bool
    resets: tuple[bool, ...] = ()
    constraints: tuple[Callable[[Any], Any] | None, ...] = ()
    constraint_key: Hashable = ()
    reports: bool = False
    watched: bool = False


@flax.struct.dataclass
class Shared:
    """What every step of a run reads and none changes.

    `count` real rows, the first one at `offset`; `fresh` says that metrics start from zero; runtime
    scalars of the graph and of the optimizer; parameters and state, where the mode keeps them.
    """

    count: Any
    offset: Any
    fresh: Any
    scalars: Arrays
    hyper: Mapping[str, Any]
    params: Arrays = ()
    state: Arrays = ()


@dataclass(frozen=True, eq=False)
class Program:
    """A compiled step: `run(carry, shared, data, order, begin, end)` does steps begin to end.

    `carry` is donated. In the "step" form `run` does one step, whatever `end` says; `why` is the
    reason for the form. `prepared` computes what steps need of the weights alone, where there is
    such work and `run` leaves it out.
    """

    run: Jitted
    form: Form
    step: Step
    target: Target
    flops: int
    options: Options
    why: str = ""
    prepared: Prepared | None = None

    @property
    def compilations(self) -> int:
        """How often it was compiled: once for each form of its arguments."""
        return self.run.compilations.count

    def prepare(self, shared: Shared, carry: Any) -> Shared:
        """Return what steps share as `run` takes it: after the parameters, what is made of them."""
        if self.prepared is None:
            return shared
        state = shared.state if self.step.mode == "predict" else carry.state
        return shared.replace(params=(*shared.params, *self.prepared(shared.params, state)))


def program_for(step: Step, update: Update | None, *, shuffled: bool) -> Program:
    """Return the program of a step, from the cache where an equal one was made before."""
    target = default_target()
    form, why = loop_choice(step.graph, target, step.mode)
    options = choose_options(target, table_key("options", step.mode, step.graph))
    key = (
        fingerprint(step.graph), fingerprint(step.logs), step.mode, step.leaves, step.masked,
        step.resets, step.constraint_key, step.reports, step.watched, update, form, shuffled,
        target, tuple(sorted(options.values.items())),
    )  # fmt: skip
    return PROGRAMS.get(
        key, lambda: make_program(step, update, form, shuffled, target, options, why)
    )


def table_key(what: Literal["loop", "options"], mode: Mode, graph: Graph) -> str:
    """Return what a measured choice for a whole program is found by."""
    return f"program.{what} {mode} {fingerprint(graph)}"


def loop_choice(graph: Graph, target: Target, mode: Mode = "train") -> tuple[Form, str]:
    """Return the form of the loop, many steps in one call or one by one, and the reason for it.

    What the environment asks for comes first, then what was measured, then the cost model.
    """
    asked = config.LOOP.value
    if asked in FORMS:
        return FORMS[asked], f"{config.LOOP.env}={asked} asks for it"
    form, why = _modelled_loop(graph, target)
    key = table_key("loop", mode, graph) if target.measured else ""
    entry = TABLES[target.measured].get(key)
    if entry is None:
        return form, why
    known = entry.best in FORMS
    return (FORMS[entry.best], entry.reason) if known else (form, f"{why} ({entry.unknown})")


def _modelled_loop(graph: Graph, target: Target) -> tuple[Form, str]:
    work = graph_flops(graph)
    if work > SCAN_LIMIT:
        return "step", f"with {work:.1e} FLOPs, a step gains nothing from a loop around it"
    slow = {n.op for n in every_node(graph) if n.op in UNSCANNABLE}
    if target.platform == "cpu" and slow:
        return "step", f"inside a loop, XLA computes the gradient of {min(slow)} slowly on the CPU"
    return "scan", f"with {work:.1e} FLOPs, a step is short beside the call that starts it"


def make_program(
    step: Step,
    update: Update | None,
    form: Form,
    shuffled: bool,
    target: Target,
    options: Options,
    why: str = "",
) -> Program:
    """Return a new program of a step, all choices made."""
    tell_plan(step.graph, target)
    graph, prepared = _divided(step, form, target, options)
    body = step_body(step, graph, update, target, shuffled)
    run_logs = lower(step.logs, plan(step.logs, target))

    def run(carry: Any, shared: Any, data: Arrays, order: Any, begin: Any, end: Any) -> Any:
        def one(index: Any, carry: Any) -> Any:
            return body(index, carry, data, order, shared)

        carry = restarted(carry, step, shared.fresh)
        carry = one(begin, carry) if form == "step" else lax.fori_loop(begin, end, one, carry)
        if step.mode == "predict":
            return carry, run_logs((), (), ())[0]
        logs = carry.reported if step.reports else run_logs((), carry.state, ())[0]
        bad = (carry.bad,) if step.watched else ()
        return carry.replace(reported=(), bad=()), (*logs, *bad)

    jitted = Jitted(run, donate_argnums=(0,), compiler_options=dict(options.values) or None)
    return Program(jitted, form, step, target, graph_flops(step.graph), options, why, prepared)


def _divided(
    step: Step, form: Form, target: Target, options: Options
) -> tuple[Graph, Prepared | None]:
    """Return the graph of what every step does, and what does the rest once for all of them.

    Training changes the weights in every step, and out of a loop XLA moves such work by itself.
    """
    if step.mode == "train" or form == "scan":
        return step.graph, None
    prepare, serve = split(step.graph)
    if not prepare.outputs:
        return step.graph, None
    run = lower(prepare, plan(prepare, target))
    return serve, Prepared(prepare, Jitted(run, compiler_options=dict(options.values) or None))


def restarted(carry: Any, step: Step, fresh: Any) -> Any:
    """Return the carry with the metrics' state at zero, where the run starts afresh."""
    if step.watched:
        carry = carry.replace(bad=jnp.int32(-1))
    if step.reports:
        specs = [value.spec for value in step.graph.outputs]
        carry = carry.replace(reported=tuple(jnp.zeros(s.shape, s.dtype) for s in specs))
    if not any(step.resets):
        return carry
    pairs = zip(carry.state, step.resets, strict=True)
    return carry.replace(
        state=tuple(jnp.where(fresh, jnp.zeros_like(s), s) if reset else s for s, reset in pairs)
    )


def step_body(
    step: Step, graph: Graph, update: Update | None, target: Target, shuffled: bool
) -> Callable[..., Any]:
    """Return one step as a pure function (index, carry, data, order, shared) -> carry."""
    forward = lower(graph, plan(graph, target))

    def train(index: Any, carry: TrainState, data: Any, order: Any, shared: Shared) -> Any:
        assert update is not None
        inputs = batch_inputs(step, shuffled, index, data, order, shared)

        def loss_of(params: Arrays) -> Any:
            (loss, *_), updates = forward(params, carry.state, inputs)
            return update.scale_loss(loss, carry.slots, shared.hyper), (loss, updates)

        grads, (loss, state) = jax.grad(loss_of, has_aux=True)(carry.params)
        params, slots = update.update(grads, carry.slots, carry.params, shared.hyper)
        bad = _first_bad(step, index, carry.bad, (loss,))
        return TrainState(_constrained(params, step.constraints), state, slots, bad=bad)

    def test(index: Any, carry: TrainState, data: Any, order: Any, shared: Shared) -> Any:
        inputs = batch_inputs(step, shuffled, index, data, order, shared)
        reported, state = forward(shared.params, carry.state, inputs)
        bad = _first_bad(step, index, carry.bad, reported)
        return carry.replace(state=state, reported=reported, bad=bad)

    def predict(index: Any, buffers: Any, data: Any, order: Any, shared: Shared) -> Any:
        inputs = batch_inputs(step, shuffled, index, data, order, shared)
        outputs, _ = forward(shared.params, shared.state, inputs)
        start = shared.offset + index * step.batch
        return tuple(
            lax.dynamic_update_slice_in_dim(buffer, output, start, 0)
            for buffer, output in zip(buffers, outputs, strict=True)
        )

    if step.mode == "predict":
        return predict
    return test if update is None else train


def batch_inputs(
    step: Step, shuffled: bool, index: Any, data: Arrays, order: Any, shared: Shared
) -> Arrays:
    """Return the graph's inputs for step `index`: the batch, what is valid of it, scalars."""
    start = shared.offset + index * step.batch
    rows = start + jnp.arange(step.batch, dtype=jnp.int32)
    real = jnp.minimum(rows, shared.count - 1)
    real = jnp.take(order, real, mode="clip") if shuffled else real
    leaves = tuple(_rows_of(leaf, real, start, step, shuffled) for leaf in data)
    valid = ((rows < shared.count).astype(jnp.float32),) if step.masked else ()
    return (*leaves, *valid, *shared.scalars)


def _first_bad(step: Step, index: Any, known: Any, numbers: Arrays) -> Any:
    if not step.watched:
        return ()
    floats = [one for one in numbers if jnp.issubdtype(one.dtype, jnp.inexact)]
    fine = jnp.all(jnp.stack([jnp.all(jnp.isfinite(one)) for one in floats]))
    return jnp.where((known < 0) & ~fine, jnp.int32(index), known)


def _rows_of(leaf: Any, rows: Any, start: Any, step: Step, shuffled: bool) -> Any:
    """Return a batch of rows; in order they are a slice, where it cannot run past the end."""
    if shuffled or (step.masked and leaf.shape[0] % step.batch):
        return jnp.take(leaf, rows, axis=0, mode="clip")  # in range anyway: no test for NaN
    return lax.dynamic_slice_in_dim(leaf, start, step.batch, 0)


def _constrained(params: Arrays, constraints: tuple[Any, ...]) -> Arrays:
    return tuple(
        param if constraint is None else constraint(param)
        for param, constraint in zip(params, constraints, strict=True)
    )
