"""Loops, conditionals and maps of `keras.ops`, whose bodies may close over tensors and variables.

On arrays they are JAX's. Inside a trace the body becomes a closed sub-graph: what it captured turns
into operands, and variables that it assigned into carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.bodies import TracedBody, fill
from graphc.keras.engine.dispatch import infer_call
from graphc.keras.engine.operation import FunctionOperation, record_call
from graphc.keras.engine.scope import TraceScope, current_trace
from graphc.keras.engine.structure import flatten, map_structure, structure_of
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.keras.ops.core import convert_to_tensor
from graphc.spec import LITERAL_DTYPES, TensorSpec, spec_of

Function = Callable[..., Any]


def _recorded(function: Function) -> Function:
    """Record the call as one operation when any argument is a KerasTensor."""

    @wraps(function)
    def dispatched(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(leaf, KerasTensor) for leaf in flatten((args, kwargs))):
            return function(*args, **kwargs)
        operation = FunctionOperation(function.__name__, dispatched)
        return record_call(operation, args, kwargs, infer_call(function, args, kwargs))

    return dispatched


def _tensors(structure: Any) -> list[Any]:
    """Return the tensors of a structure, variables as what they hold now."""
    leaves = [leaf for leaf in flatten(structure) if leaf is not None]
    return [leaf.value if isinstance(leaf, Variable) else leaf for leaf in leaves]


def _spec(tensor: Any) -> TensorSpec:
    return spec_of(tensor if isinstance(tensor, Symbol) else convert_to_tensor(tensor))


def _row(tensor: Any) -> TensorSpec:
    spec = _spec(tensor)
    if not spec.shape:
        raise ValueError(f"Expected tensors with an axis 0 to go along. Received: {spec}")
    return TensorSpec(spec.shape[1:], spec.dtype)


def _assign(trace: TraceScope, variables: Sequence[Any], values: Sequence[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        trace.write(variable, value)


def _settled(
    trace: TraceScope, function: Function, given: Sequence[Any], rows: Sequence[TensorSpec] = ()
) -> tuple[TracedBody, list[Any], list[Any]]:
    """Trace a loop's body until its carries are what it returns and include what it assigns.

    Returns the trace, the first carries and the assigned variables. Python numbers among the
    carries take the dtype that the body gives them.
    """
    first, variables = list(given), []
    for _ in range(len(first) + 2):
        found = TracedBody(trace, function, [_spec(one) for one in first], variables, rows)
        dtypes = [spec.dtype for spec in found.specs]
        carries = [
            convert_to_tensor(one, dtype) if type(one) in LITERAL_DTYPES else one
            for one, dtype in zip(first, dtypes, strict=False)
        ]
        settled = [_spec(one) for one in carries] == [_spec(one) for one in first]
        if settled and len(found.written) == len(variables):
            return found, first, variables
        first, variables = carries, found.written
    raise TypeError(f"The dtypes of a loop's state do not settle. Received: {dtypes}")


@_recorded
def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Thread a carry through `f(carry, x) -> (carry, y)` along axis 0 of `xs`.

    Returns the last carry and the stacked `y`.

    Raises:
        TypeError: `f` cannot be called, or `unroll` is neither a whole number nor a bool.
        ValueError: neither `xs` nor `length` tells how many steps there are, or they disagree.
    """
    if not callable(f):
        raise TypeError(f"Expected `f` to be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"Expected `unroll` to be a positive integer or a bool. Received: unroll={unroll}"
        )
    if xs is None and length is None:
        raise ValueError(f"Expected `xs` or `length`. Received: xs={xs}, length={length}")
    trace = current_trace()
    if trace is None:
        return jax.lax.scan(f, init, xs, length=length, reverse=reverse, unroll=unroll)
    return _scan(trace, f, init, xs, length, reverse, unroll)


def _scan(
    trace: TraceScope, f: Function, init: Any, xs: Any, length: Any, reverse: bool, unroll: Any
) -> tuple[Any, Any]:
    given, steps = _tensors(init), _tensors(xs)
    count = len(given)

    def step(*symbols: Any) -> tuple[Any, Any]:
        carry, outputs = f(fill(init, symbols[:count]), fill(xs, symbols[count:]))
        return carry, outputs

    found, first, variables = _settled(trace, step, given, [_row(tensor) for tensor in steps])
    total = length if length is not None else steps[0].shape[0]
    carries = count + len(variables)
    state = [trace.read(variable) for variable in variables]
    attrs = {
        "body": found.body(variables, count),
        "carries": carries,
        "sequences": len(steps),
        "length": length,
        "reverse": bool(reverse),
        "unroll": (max(1, total) if unroll else 1) if isinstance(unroll, bool) else unroll,
    }
    operands = [*first, *state, *steps, *found.scope.captures]
    results = _as_tuple(trace.emit("core.scan", operands, attrs))
    _assign(trace, variables, results[count:carries])
    carry, outputs = found.outputs
    return fill(carry, results[:count]), fill(outputs, results[carries:])


def map(f: Function, xs: Any) -> Any:
    """Apply `f` to every row of `xs`, one after the other, and stack what it returns.

    Raises:
        ValueError: a tensor of `xs` has no axis 0.
    """
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@_recorded
def while_loop(
    cond: Function, body: Function, loop_vars: Any, maximum_iterations: int | None = None
) -> Any:
    """Replace `loop_vars` by `body(*loop_vars)` while `cond(*loop_vars)` holds.

    A structure that is neither a list nor a tuple is passed as one argument. There is no gradient
    through it, for the number of iterations is not known: `fori_loop` and `scan` have one.
    """
    spread = isinstance(loop_vars, list | tuple)
    start = tuple(loop_vars) if spread else (loop_vars,)
    trace = current_trace()

    def step(*state: Any) -> tuple[Any, ...]:
        result = body(*state)
        return tuple(result) if spread and isinstance(result, list | tuple) else (result,)

    if trace is None:
        last = _eager_while(cond, step, start, maximum_iterations)
    else:
        last = _while(trace, cond, step, start, maximum_iterations)
    return tuple(last) if spread else last[0]


def _eager_while(cond: Function, step: Function, start: Any, limit: int | None) -> Any:
    def goes_on(state: Any) -> Any:
        holds = cond(*state[1])
        return holds if limit is None else holds & (state[0] < limit)

    first = map_structure(convert_to_tensor, start)
    return jax.lax.while_loop(goes_on, lambda s: (s[0] + 1, step(*s[1])), (0, first))[1]


def _while(trace: TraceScope, cond: Function, step: Function, start: Any, limit: int | None) -> Any:
    given = _tensors(start)
    count = len(given)

    def flat(*symbols: Any) -> Any:
        return step(*fill(start, symbols))

    found, first, variables = _settled(trace, flat, given)
    specs = [_spec(one) for one in first]
    asked = TracedBody(
        trace, lambda *symbols: cond(*fill(start, symbols[:count])), specs, variables
    )
    attrs = {
        "condition": asked.body(),
        "body": found.body(variables, count),
        "carries": count + len(variables),
        "condition_captures": len(asked.scope.captures),
        "maximum_iterations": limit,
    }
    state = [trace.read(variable) for variable in variables]
    captured = [*asked.scope.captures, *found.scope.captures]
    results = _as_tuple(trace.emit("core.while_loop", [*first, *state, *captured], attrs))
    _assign(trace, variables, results[count:])
    return fill(start, results[:count])


@_recorded
def fori_loop(lower: Any, upper: Any, body_fun: Function, init_val: Any) -> Any:
    """Return `init_val` after `body_fun(i, value)` for i from `lower` to `upper` - 1.

    With Python numbers as bounds it has a gradient.
    """
    bounds = [x if isinstance(x, int) else None for x in (lower, upper)]
    if current_trace() is None:
        return jax.lax.fori_loop(lower, upper, body_fun, init_val)
    if None not in bounds:
        length = max(0, bounds[1] - bounds[0])

        def step(carry: Any, _: Any) -> Any:
            return (carry[0] + 1, body_fun(*carry)), None

        first = convert_to_tensor(lower, "int32")
        return scan(step, (first, init_val), length=length)[0][1]
    return while_loop(
        lambda index, _: index < upper,
        lambda index, value: (index + 1, body_fun(index, value)),
        (convert_to_tensor(lower), init_val),
    )[1]


@_recorded
def cond(pred: Any, true_fn: Function, false_fn: Function) -> Any:
    """Return `true_fn()` or `false_fn()`, whichever `pred` picks; both must give the same kind.

    Raises:
        ValueError: the two return different structures, shapes or dtypes.
    """
    if current_trace() is None:
        return jax.lax.cond(_scalar(pred), true_fn, false_fn)
    if isinstance(pred, bool | np.bool_ | int):
        return true_fn() if pred else false_fn()
    return switch(pred, [false_fn, true_fn])


def _scalar(pred: Any) -> Any:
    return pred.value if isinstance(pred, Variable) else pred


@_recorded
def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """Return `branches[index](*operands)`, the index clamped to the range.

    Raises:
        ValueError: the branches return different structures, shapes or dtypes.
    """
    trace = current_trace()
    if trace is None:
        return jax.lax.switch(index, list(branches), *operands)
    given = _tensors(operands)
    specs = [_spec(one) for one in given]
    found = [
        TracedBody(trace, lambda *symbols, f=branch: f(*fill(operands, symbols)), specs)
        for branch in branches
    ]
    _check_same_kind(found)
    variables = [*{id(v): v for one in found for v in one.written}.values()]
    bodies = tuple(one.body(variables) for one in found)
    uses, shared = [], list(given)
    for one in found:
        taken = range(len(shared), len(shared) + len(one.scope.captures))
        uses.append((*range(len(given)), *taken))
        shared += one.scope.captures
    attrs = {"branches": bodies, "uses": tuple(uses)}
    results = _as_tuple(trace.emit("core.switch", [index, *shared], attrs))
    count = len(results) - len(variables)
    _assign(trace, variables, results[count:])
    return fill(found[0].outputs, results[:count])


def _check_same_kind(found: Sequence[TracedBody]) -> None:
    kinds = [(structure_of(one.outputs), one.specs) for one in found]
    if any(kind != kinds[0] for kind in kinds):
        raise ValueError(
            "Expected branches that return outputs of the same kind (structure, dtype and shape). "
            f"Received: {[[str(spec) for spec in one.specs] for one in found]}"
        )


@_recorded
def vectorized_map(function: Function, elements: Any) -> Any:
    """Apply `function` to every row of `elements` (one tensor or a structure), all at once.

    Raises:
        ValueError: a tensor of `elements` has no axis 0.
    """
    trace = current_trace()
    if trace is None:
        return jax.vmap(function)(elements)
    rows = _tensors(elements)
    found = TracedBody(
        trace, lambda *symbols: function(fill(elements, symbols)), [_row(row) for row in rows]
    )
    if found.written:
        names = [variable.path for variable in found.written]
        raise ValueError(f"Rows at once cannot assign variables. Received: {names}")
    attrs = {"body": found.body(), "mapped": len(rows)}
    results = trace.emit("core.vectorized_map", [*rows, *found.scope.captures], attrs)
    return fill(found.outputs, _as_tuple(results))


def _as_tuple(results: Any) -> tuple[Any, ...]:
    return results if isinstance(results, tuple) else (results,)
