"""One step of a model as one graph: forward pass, loss and metrics together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.ir import Graph, Node, Value, fingerprint
from graphc.keras.engine.call import training_phase
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, pack_as, structure_of
from graphc.keras.engine.variable import Variable
from graphc.keras.training.arrays import Rows
from graphc.keras.training.memory_budget import passes_for
from graphc.keras.training.own_steps import own_step, trace_own_step
from graphc.pipeline import PassRecord, Pipeline
from graphc.runtime.step import Mode, Step
from graphc.separable import mixing_node, size_dependent_node
from graphc.spec import TensorSpec


@dataclass(frozen=True, eq=False)
class TracedStep:
    """A step with what ties it to its model: variables, runtime scalars, names of the logs."""

    step: Step
    traced: Graph
    record: PassRecord
    params: tuple[Variable, ...]
    state: tuple[Variable, ...]
    scalars: tuple[Callable[[], float], ...]
    log_structure: Any
    outputs: Any
    mixing: Node | None
    seconds: float  # that tracing the model took, before any pass

    def read_scalars(self) -> tuple[np.float32, ...]:
        """Return the runtime scalars as they are now."""
        return tuple(np.float32(read()) for read in self.scalars)

    def logs(self, values: Any) -> dict[str, Any]:
        """Return the values of a log under their names."""
        count = len(flatten(self.log_structure))  # what is watched comes after them
        return pack_as(self.log_structure, list(values)[:count])


def trace_step(model: Any, mode: Mode, rows: Rows, batch: int, *, masked: bool) -> TracedStep:
    """Trace one step on batches of `batch` rows.

    With `masked` the graph takes a validity vector and must give what the real rows alone would;
    `mixing` then names the node that prevents it, if any.
    """
    own = own_step(model, mode)
    if own is not None:
        return _own(model, mode, own, rows, batch)
    begun = time.perf_counter()
    scope, graph, outputs = _trace_graph(model, mode, rows, batch, masked=masked)
    seconds, count = time.perf_counter() - begun, len(rows.leaves)
    mixing = mixing_node(graph, frozenset(graph.inputs[:count]), _valid_of(scope))
    if masked and mixing is None and has_user_code(model):
        _, other, _ = _trace_graph(model, mode, rows, batch + 1, masked=masked)
        mixing = size_dependent_node(graph, other)
    record = PassRecord()
    passes = Pipeline(passes_for(model, mode, rows, batch))
    optimised = _optimised(passes, graph, mode, record)
    params, state = tuple(scope.params), tuple(scope.state)
    logs, log_structure = _trace_logs(model, state if mode != "predict" else (), mode)
    resets = _resets(model, state, mode)
    constraints = _constraints(scope.params, mode)
    step = Step(
        mode, optimised, logs, count, batch, masked, resets, *constraints,
        watched=is_watched(model, mode),
    )  # fmt: skip
    return TracedStep(
        step, graph, record, params, state, tuple(scope.scalars), log_structure, outputs, mixing,
        seconds,
    )  # fmt: skip


_ALIKE: ContextVar[dict[Any, tuple[Graph, Graph]] | None] = ContextVar("alike", default=None)


@contextmanager
def alike() -> Iterator[None]:
    """Let equal graphs of different models share what the passes make of them.

    For searches, which trace the same structure again and again: reports of all but the first model
    would name the layers of that one.
    """
    token = _ALIKE.set({})
    try:
        yield
    finally:
        _ALIKE.reset(token)


def _optimised(passes: Pipeline, graph: Graph, mode: Mode, record: PassRecord) -> Graph:
    known = _ALIKE.get()
    if known is None:
        return passes(graph, "train" if mode == "train" else "infer", [record])
    key = passes, mode, fingerprint(graph)
    if key not in known:  # the graph stays alive with its fingerprint
        known[key] = graph, passes(graph, "train" if mode == "train" else "infer", [record])
    return known[key][1]


def _own(model: Any, mode: Mode, own: Callable[..., Any], rows: Rows, batch: int) -> TracedStep:
    """Trace a step that the model defines itself."""
    begun = time.perf_counter()
    scope, graph, results = trace_own_step(model, mode, own, rows, _specs(rows, batch))
    seconds = time.perf_counter() - begun
    record, count = PassRecord(), len(rows.leaves)
    mixing = mixing_node(graph, frozenset(graph.inputs[:count]), None)
    optimised = Pipeline()(graph, "train" if mode == "train" else "infer", [record])
    reports = mode != "predict"
    resets = _resets(model, scope.state, mode)
    nothing = TraceScope().builder.finish(())
    watched = is_watched(model, mode)
    step = Step(
        mode, optimised, nothing, count, batch, False, resets, reports=reports, watched=watched
    )
    return TracedStep(
        step, graph, record, (), tuple(scope.state), tuple(scope.scalars),
        results if reports else {}, structure_of(results), mixing, seconds,
    )  # fmt: skip


def is_watched(model: Any, mode: Mode) -> bool:
    """Return whether steps are to tell when their loss is not finite."""
    return mode == "train" and model._watched


def _resets(model: Any, state: Sequence[Variable], mode: Mode) -> tuple[bool, ...]:
    zeroed = {id(variable) for variable in model._zeroed_by_start()} if mode != "predict" else ()
    return tuple(id(variable) in zeroed for variable in state)


def _specs(rows: Rows, batch: int) -> list[TensorSpec]:
    return [TensorSpec((batch, *leaf.shape[1:]), _dtype(leaf)) for leaf in rows.leaves]


def _trace_graph(
    model: Any, mode: Mode, rows: Rows, batch: int, *, masked: bool
) -> tuple[TraceScope, Graph, Any]:
    """Return the scope, the graph before any pass, and the structure of the outputs."""
    training = mode == "train"
    scope = TraceScope(model.trainable_variables, model.non_trainable_variables)
    symbols = [
        scope.input(spec, f"batch_{index}") for index, spec in enumerate(_specs(rows, batch))
    ]
    scope.valid = scope.input(TensorSpec((batch,), "float32"), "valid") if masked else None
    x, y, weight = rows.pack(symbols)
    with entered(scope), training_phase(training), names_unresolved_on_error(model):
        y_pred = model(x, training=training)
        if mode == "predict":
            outputs = flatten(y_pred)
        else:
            loss = _loss_and_metrics(model, x, y, y_pred, weight, training)
            outputs = [loss] if training else []
    updates = scope.updates() if mode != "predict" else ()
    graph = scope.builder.finish([scope.as_value(output) for output in outputs], updates)
    return scope, graph, structure_of(y_pred)


def _valid_of(scope: TraceScope) -> Value | None:
    return None if scope.valid is None else scope.valid.value


def has_user_code(model: Any) -> bool:
    """Return whether a layer, loss or metric is not ours: it may use the batch size as a number."""
    parts = [*model._flatten_layers(), *flatten(getattr(model, "_user_parts", ()))]
    return any(_is_foreign(part) for part in parts)


def _is_foreign(part: Any) -> bool:
    if isinstance(part, (str, type(None))):
        return False
    module = getattr(part, "__module__", None) or type(part).__module__
    return not module.startswith("graphc.") or type(part).__name__ == "Lambda"


@contextmanager
def names_unresolved_on_error(model: Any) -> Iterator[None]:
    """Let losses and metrics that data of a wrong shape resolved be resolved again by the next."""
    parts = (model._compile_loss, model._compile_metrics)
    fresh = [part for part in parts if part is not None and not part.built]
    try:
        yield
    except Exception:
        for part in fresh:
            part.built = False
        raise


def build_by_trace(model: Any, rows: Rows, batch: int) -> None:
    """Create the variables of a model that has none yet, from the shape of a batch."""
    if model._all_built:
        return
    scope = TraceScope()
    leaves = [scope.input(spec) for spec in _specs(rows, min(batch, rows.count))]
    x, _, _ = rows.pack(leaves)
    with entered(scope), training_phase(False):
        model(x)


def _dtype(leaf: Any) -> str:
    name = str(leaf.dtype)
    return {"float64": "float32", "int64": "int32", "uint64": "uint32"}.get(name, name)


def _loss_and_metrics(model: Any, x: Any, y: Any, y_pred: Any, weight: Any, training: bool) -> Any:
    """Emit the loss and the updates of all metrics; return the loss."""
    trace = current_trace()
    assert trace is not None
    with trace.layer("loss", ""):
        loss = model._loss_of(x, y, y_pred, weight, training=training)
    with trace.layer("metrics", ""):
        rows = float(flatten(x)[0].shape[0])
        count = rows if trace.valid is None else apply("reduce.sum", trace.valid)
        model._loss_tracker.update_state(loss, sample_weight=count)
        if y is not None:
            model.compute_metrics(x, y, y_pred, weight)
    return loss


def _constraints(params: list[Variable], mode: Mode) -> tuple[Any, Any]:
    if mode != "train" or not any(variable.constraint for variable in params):
        return (None,) * len(params), ()
    found = tuple(variable.constraint for variable in params)
    key = tuple(
        None if c is None else (type(c), tuple(sorted(c.get_config().items()))) for c in found
    )
    return found, key


def _trace_logs(model: Any, state: tuple[Variable, ...], mode: Mode) -> tuple[Graph, Any]:
    """Return the graph from state to the metrics' results, and the structure of the results."""
    scope = TraceScope(state=state)
    results: dict[str, Any] = {}
    if mode != "predict":
        with entered(scope):
            results = model.get_metrics_result()
    values = [scope.as_value(leaf) for leaf in flatten(results)]
    return scope.builder.finish(values), results
