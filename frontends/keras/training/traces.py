"""A model traced only to be looked at: no program of its own is made, and none is replaced."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from graphc.config import PASS_LIMIT
from graphc.cost.measure import made_up
from graphc.keras.engine.structure import flatten
from graphc.keras.training.arrays import Rows, as_rows
from graphc.keras.training.forward import BoundForward, arrays_like
from graphc.keras.training.given import batch_size_of
from graphc.keras.training.host import on_host
from graphc.keras.training.own_steps import own_step
from graphc.keras.training.sources import source_of
from graphc.keras.training.targets import is_nested
from graphc.keras.training.tracer import TracedStep, build_by_trace, trace_step
from graphc.lower import default_target
from graphc.show import Trace
from graphc.spec import TensorSpec
from graphc.tune_program import StepToTune


def trace_model(model: Any, mode: Any, inputs: Any, targets: Any) -> Trace:
    """Return a model traced in a mode, before any pass, and arrays to run it on.

    Args:
        model: training and testing are whole steps where it is compiled.
        mode: "train", "test" or "infer".
        inputs: arrays, specs or shapes; None means those of the last step run in this mode, else
            the model's own.
        targets: likewise; None means what the losses ask for.
    """
    latest = model._programs.latest.get("predict" if mode == "infer" else mode)
    if inputs is None and targets is None and latest is not None:
        return Trace(latest.traced.traced)
    x = inputs if _holds_arrays(inputs) else arrays_like(model, inputs)
    rows = as_rows(x, targets if _holds_arrays(targets) else None)
    with PASS_LIMIT(0), _names_left_open(model):
        if own_step(model, "predict" if mode == "infer" else mode) is None:
            build_by_trace(model, rows, rows.count)
        if mode == "infer" or not model.compiled:
            return _forward(model, mode, rows)
        if rows.y is None:
            rows = Rows(rows.x, _targets(model, rows, targets))
        return _step(model, mode, rows)


def step_to_tune(model: Any, x: Any, y: Any, batch_size: int) -> StepToTune | None:
    """Return the training step that `fit` compiles for data, and rows to run it on.

    Of an epoch with two programs it is that of the full batches. Without data it is the step of
    the last `fit`, on made-up numbers. None where `fit` compiles no step of arrays.
    """
    latest = model._programs.latest.get("train")
    if not model.compiled or model.run_eagerly or source_of(x) is not None:
        return None
    if x is None:
        return None if latest is None else _measurable(latest.traced, ())
    rows = as_rows(on_host(model, x), y)
    batch = batch_size_of(batch_size, rows.count, None)
    with _names_left_open(model):
        return _measurable(_fitted(model, rows, batch), rows.leaves)


def _fitted(model: Any, rows: Rows, batch: int) -> TracedStep:
    """Return the step that `plan_parts` comes to, of which it makes no program."""
    if own_step(model, "train") is None:
        build_by_trace(model, rows, batch)
        padded = trace_step(model, "train", rows, batch, masked=True)
        if padded.mixing is None:
            return padded
    return trace_step(model, "train", rows, min(batch, rows.count), masked=False)


def _measurable(traced: TracedStep, leaves: Sequence[Any]) -> StepToTune:
    inputs = traced.step.graph.inputs[: traced.step.leaves]
    rows = tuple(leaves) or tuple(made_up(value.spec) for value in inputs)
    params, state = (tuple(one.value for one in group) for group in (traced.params, traced.state))
    return StepToTune(traced.step, rows, params, state, traced.read_scalars())


def _holds_arrays(structure: Any) -> bool:
    leaves = flatten(structure)
    return bool(leaves) and all(isinstance(leaf, np.ndarray) or _on_device(leaf) for leaf in leaves)


def _on_device(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "__array__") and not hasattr(leaf, "path")


@contextmanager
def _names_left_open(model: Any) -> Iterator[None]:
    """Let `fit` resolve losses and metrics by the shapes that it sees, not by those used here."""
    parts = (model._compile_loss, model._compile_metrics)
    fresh = [part for part in parts if part is not None and not part.built]
    try:
        yield
    finally:
        for part in fresh:
            part.built = False


def _forward(model: Any, mode: str, rows: Rows) -> Trace:
    bound = _bound(model, "train" if mode == "train" else "infer", rows)
    store = bound.store.claim()
    leaves = (*rows.leaves[: len(flatten(rows.x))], *_scalars(bound.scalars))
    return Trace(bound.executable.traced, store.peek("params"), store.peek("state"), leaves)


def _bound(model: Any, mode: str, rows: Rows) -> BoundForward:
    return BoundForward(model, model.__call__, (rows.x,), {}, mode, default_target(), False)


def _step(model: Any, mode: Any, rows: Rows) -> Trace:
    traced = trace_step(model, mode, rows, rows.count, masked=False)
    params, state = (tuple(one.value for one in group) for group in (traced.params, traced.state))
    return Trace(traced.traced, params, state, (*rows.leaves, *_scalars(traced.scalars)))


def _scalars(readers: Any) -> list[np.float32]:
    return [np.float32(read()) for read in readers]


def _targets(model: Any, rows: Rows, given: Any) -> Any:
    """Return zeros for targets given as specs or shapes, or shaped like the outputs.

    Losses for classes by number get whole numbers, with one axis less.
    """
    if given is not None:
        return arrays_like(model, given)
    if model.loss is None:
        return None
    bound = _bound(model, "infer", rows)
    specs = [value.spec for value in bound.executable.graph.outputs[: bound.outputs.num_leaves]]
    losses = flatten(model.loss) if is_nested(model.loss) else [model.loss] * len(specs)
    if len(losses) != len(specs):  # a dict may leave outputs out
        losses = [None] * len(specs)
    found = [_zeros(spec, loss) for spec, loss in zip(specs, losses, strict=True)]
    return bound.outputs.unflatten(found)


def _zeros(spec: TensorSpec, loss: Any) -> np.ndarray:
    named = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", ""))
    if "sparse" in str(named).lower():
        return np.zeros(spec.shape[:-1], "int32")
    return np.zeros(spec.shape, spec.dtype)
