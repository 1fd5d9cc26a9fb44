"""A layer as a pure function of its variables: traced, optimised and lowered like every call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, map_structure, pack_as
from graphc.lower import default_target, lower, plan
from graphc.pipeline import Pipeline
from graphc.spec import TensorSpec


def stateless_call(
    layer: Any,
    trainable_variables: Sequence[Any],
    non_trainable_variables: Sequence[Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    losses: bool,
) -> tuple[Any, ...]:
    """Return the outputs, the non-trainable variables after the call, and losses if asked for.

    Raises:
        ValueError: the layer is not built, or the values are not as many as its variables.
    """
    if not layer.built:
        raise ValueError(
            f"To call stateless_call, {type(layer).__name__} must be built (i.e. its variables "
            f"must have been already created). Call it on data first. Received: '{layer.name}'"
        )
    known = layer.trainable_variables, layer.non_trainable_variables
    _check("trainable_variables", trainable_variables, known[0])
    _check("non_trainable_variables", non_trainable_variables, known[1])
    scope = TraceScope(*known)
    leaves = flatten((args, kwargs))
    arrays = [leaf for leaf in leaves if isinstance(leaf, (jax.Array, np.ndarray))]
    specs = [
        TensorSpec(tuple(a.shape), str(jax.dtypes.canonicalize_dtype(a.dtype))) for a in arrays
    ]
    symbols = iter([scope.input(spec) for spec in specs])
    whole = [next(symbols) if isinstance(i, (jax.Array, np.ndarray)) else i for i in leaves]
    args, kwargs = pack_as((args, kwargs), whole)
    # Inside `jax.jit` too, what layers make of shapes alone must be arrays, to be constants.
    with jax.ensure_compile_time_eval(), entered(scope):
        outputs = layer(*args, **kwargs)
        found = [*flatten(outputs), *(layer.losses if losses else ())]
    values = [scope.as_value(leaf) for leaf in found if leaf is not None]
    graph = scope.builder.finish(values, scope.updates())
    graph = Pipeline()(graph, "train" if kwargs.get("training") else "infer")
    run = lower(graph, plan(graph, default_target()))
    more = [variable.value for variable in scope.state[len(known[1]) :]]
    scalars = [np.float32(read()) for read in scope.scalars]
    state = (*map(_value, non_trainable_variables), *more)
    results, updates = run(tuple(map(_value, trainable_variables)), state, (*arrays, *scalars))
    rest = iter(results)
    outputs = map_structure(lambda leaf: None if leaf is None else next(rest), outputs)
    after = list(updates[: len(known[1])])
    return (outputs, after, list(rest)) if losses else (outputs, after)


def _value(value: Any) -> Any:
    return getattr(value, "value", value)


def _check(name: str, values: Sequence[Any], variables: Sequence[Any]) -> None:
    if len(values) != len(variables):
        raise ValueError(
            f"Argument `{name}` must be a list of tensors corresponding 1:1 to the layer's "
            f"`{name}`, of which there are {len(variables)}. Received: {len(values)} values"
        )
