"""Steps that a model defines itself, `train_step` and its like, as one graph each.

Two signatures count, as in Keras. `train_step(self, data)` reads and assigns variables; the tracer
turns them into state. `train_step(self, state, data)` is a pure function of arrays, written for
JAX; it becomes one opaque node, inside which `stateless_call` runs a compiled graph again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax

from graphc.errors import located
from graphc.ir import Graph
from graphc.keras.engine.jaxpr import Opaque
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.keras.engine.tensor import Symbol
from graphc.keras.training.arrays import Rows
from graphc.keras.utils.packing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from graphc.runtime.step import Mode
from graphc.spec import spec_of

METHODS = {"train": "train_step", "test": "test_step", "predict": "predict_step"}


def own_step(model: Any, mode: Mode) -> Callable[..., Any] | None:
    """Return the step that the model defines for a mode in place of the built-in one, if any."""
    method = getattr(model, METHODS[mode])
    # Metrics of the user's own are results of the step, not of what it leaves in variables.
    ours = mode == "predict" or hasattr(model.compute_metrics, "built_in")
    return None if ours and hasattr(method, "built_in") else method


def is_stateless(step: Callable[..., Any]) -> bool:
    """Return whether a step has the signature (state, data)."""
    parameters = inspect.signature(step).parameters.values()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) == 2


def data_of(rows: Rows, leaves: Sequence[Any]) -> Any:
    """Return a batch as steps get it: `x`, `(x, y)` or `(x, y, sample_weight)`."""
    return pack_x_y_sample_weight(*rows.pack(leaves))


def trace_own_step(
    model: Any, mode: Mode, step: Callable[..., Any], rows: Rows, specs: Sequence[Any]
) -> tuple[TraceScope, Graph, Any]:
    """Return the scope, the graph before any pass, and what the step returned.

    The results are the graph's outputs; all variables that the step met are its state.
    """
    scope = TraceScope()
    inputs = [scope.input(spec, f"batch_{index}") for index, spec in enumerate(specs)]
    data = data_of(rows, inputs)
    with entered(scope), scope.layer(METHODS[mode], ""):
        run = _stateless_results if is_stateless(step) else _results
        results = run(scope, model, mode, step, data)
    mark_built(model)
    values = [scope.as_value(leaf) for leaf in flatten(results)]
    updates = scope.updates() if mode != "predict" else ()
    return scope, scope.builder.finish(values, updates), results


def _results(scope: TraceScope, model: Any, mode: Mode, step: Callable[..., Any], data: Any) -> Any:
    results = step(data)
    return results if mode == "predict" else logs_of(model, step, results)


def logs_of(model: Any, step: Callable[..., Any], results: Any) -> dict[str, Any]:
    """Return what a step reported, as a flat dictionary.

    Raises:
        TypeError: it is no dictionary.
    """
    if not isinstance(results, dict):
        code = getattr(step, "__code__", None)
        source = f"{code.co_filename}:{code.co_firstlineno}" if code else ""
        raise TypeError(
            located(
                f"`{step.__name__}` must return a dictionary of numbers by name, such as "
                f"`{{'loss': loss}}`. Received: {results!r}",
                model.name,
                source,
            )
        )
    return results


def mark_built(model: Any) -> None:
    """Mark a model as built whose layers all are.

    Nothing else would where a step, a GAN's for one, calls the model's parts and never the model.
    The first call that there is will note the shapes of its inputs.
    """
    if not model.built and all(layer.built for layer in model._flatten_layers(include_self=False)):
        model.built = model._shapes_open = True


def run_own_step(model: Any, mode: Mode, step: Callable[..., Any], data: Any) -> Any:
    """Run a step on arrays, without a graph around it; return what it reports."""
    if not is_stateless(step):
        results = step(data)
        mark_built(model)
        return results if mode == "predict" else logs_of(model, step, results)
    _build_all(model, data)
    groups = state_of(model, mode)
    results, after = step(tuple([v.value for v in group] for group in groups), data)
    after = ([v.value for v in groups[0]], after) if mode == "predict" else after
    for group, values in zip(groups, after, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    return results if mode == "predict" else logs_of(model, step, results)


def _build_all(model: Any, data: Any) -> None:
    """Create the variables of layers and metrics, which a stateless step takes as they are."""
    parts = [part for part in (model._compile_loss, model._compile_metrics) if part is not None]
    if model._all_built and all(part.built for part in parts):
        return
    scope = TraceScope()
    x, y, weight = unpack_x_y_sample_weight(map_structure(partial(_twin, scope), data))
    with entered(scope):
        y_pred = model(x)
        if y is not None and parts:
            model.compute_loss(x, y, y_pred, weight)
            model.compute_metrics(x, y, y_pred, weight)


def _twin(scope: TraceScope, leaf: Any) -> Any:
    """Return an input of another trace like a tensor at hand."""
    return None if leaf is None else scope.input(spec_of(leaf))


def state_of(model: Any, mode: Mode) -> tuple[list[Any], ...]:
    """Return the variables of a stateless step's `state`, in Keras's order."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if mode == "train":
        model.optimizer.build(model.trainable_variables)
        groups.append(model.optimizer.variables)
    if mode != "predict":
        groups.append(model.metrics_variables)
    return tuple(list(group) for group in groups)


def _stateless_results(
    scope: TraceScope, model: Any, mode: Mode, step: Callable[..., Any], data: Any
) -> Any:
    _build_all(model, data)
    groups = state_of(model, mode)
    variables = [variable for group in groups for variable in group]
    leaves = flatten(data)
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Symbol)]
    returned: list[Any] = []

    def call(*arrays: Any) -> tuple[Any, ...]:
        rest = iter(arrays)
        state = tuple([next(rest) for _ in group] for group in groups)
        given = dict(zip(places, rest, strict=True))
        batch = pack_as(data, [given.get(place, leaf) for place, leaf in enumerate(leaves)])
        with entered(None):
            results, after = step(state, batch)
        returned[:] = [results]
        after = (state[0], after) if mode == "predict" else after
        return (*flatten(results), *(value for group in after for value in group))

    operands = [scope.read(variable) for variable in variables] + [leaves[p] for p in places]
    specs = [jax.ShapeDtypeStruct(operand.shape, operand.dtype) for operand in operands]
    jaxpr = jax.make_jaxpr(call)(*specs)
    found = scope.emit("core.call", operands, {"fn": Opaque(jaxpr, METHODS[mode])})
    count = len(found) - len(variables)
    for variable, value in zip(variables, found[count:], strict=True):
        scope.write(variable, value)
    results = pack_as(returned[0], list(found[:count]))
    return results if mode == "predict" else logs_of(model, step, results)
