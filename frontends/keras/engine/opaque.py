"""The opaque call: code that needs real arrays (raw `jax.numpy`) as one node of the graph.

Its variables become operands and their new values results, so that state, gradients and clones of
the layer stay correct; no pass looks inside, and `explain()` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax

from graphc.errors import SymbolConversionError
from graphc.keras.engine.jaxpr import Opaque
from graphc.keras.engine.scope import Scope, TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, pack_as
from graphc.keras.engine.tensor import Symbol


class ArrayCall:
    """A user's call as a function of its symbolic arguments and its variables, all arrays."""

    def __init__(
        self, function: Callable[..., Any], arguments: Any, variables: Sequence[Any]
    ) -> None:
        self.function, self.variables = function, tuple(variables)
        leaves = flatten(arguments)
        self.places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Symbol)]
        self.arguments = pack_as(arguments, [None if isinstance(i, Symbol) else i for i in leaves])
        self.outputs: Any = None

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        count = len(self.places)
        leaves = flatten(self.arguments)
        for place, array in zip(self.places, arrays[:count], strict=True):
            leaves[place] = array
        args, kwargs = pack_as(self.arguments, leaves)
        scope = Scope(dict(zip(self.variables, arrays[count:], strict=True)))
        with entered(scope):
            self.outputs = self.function(*args, **kwargs)
        state = [scope.read(variable) for variable in self.variables if not variable.trainable]
        return (*flatten(self.outputs), *state, *scope.losses)


def open_or_opaque(
    function: Callable[..., Any], args: Any, kwargs: Any, variables: Sequence[Any], name: str
) -> Any:
    """Call a user's function; inside a trace, one that needs real arrays becomes an opaque node."""
    trace = current_trace()
    if trace is None:
        return function(*args, **kwargs)
    before, losses = dict(trace.values), len(trace.losses)
    try:
        return function(*args, **kwargs)
    except (TypeError, ValueError) as error:
        leaves = flatten((args, kwargs))
        symbolic = bool(variables) or any(isinstance(leaf, Symbol) for leaf in leaves)
        if not symbolic or not _refused_symbol(error):
            raise
    trace.values.clear()
    trace.values.update(before)
    del trace.losses[losses:]
    return opaque_call(trace, function, args, kwargs, variables, name)


def _refused_symbol(error: Exception) -> bool:
    """Return whether an error means that a symbol met code which needs arrays.

    NumPy asks the symbol, which raises our error; JAX raises its own, naming the type, the hook, or
    the symbol itself.
    """
    if isinstance(error, SymbolConversionError):
        return True
    return any(
        name in str(error) for name in ("__jax_array__", f"{Symbol.__module__}.", "<Symbol ")
    )


def opaque_call(
    trace: TraceScope,
    function: Callable[..., Any],
    args: Any,
    kwargs: Any,
    variables: Sequence[Any],
    name: str,
) -> Any:
    """Emit one `core.call` node that runs `function(*args, **kwargs)` on arrays."""
    call = ArrayCall(function, (args, kwargs), variables)
    operands = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, Symbol)]
    operands += [trace.read(variable) for variable in variables]
    specs = [jax.ShapeDtypeStruct(operand.shape, operand.dtype) for operand in operands]
    results = trace.emit("core.call", operands, {"fn": Opaque(jax.make_jaxpr(call)(*specs), name)})
    leaves = flatten(call.outputs)
    outputs, rest = results[: len(leaves)], list(results[len(leaves) :])
    for variable in variables:
        if not variable.trainable:
            trace.write(variable, rest.pop(0))
    trace.losses.extend(rest)
    return pack_as(call.outputs, list(outputs))
