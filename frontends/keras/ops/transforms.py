"""The functions of `keras.ops` that make functions from functions, or differentiate them.

They need arrays: inside a trace the layer that uses them becomes one opaque call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax
import jax.numpy as jnp

from graphc.errors import SymbolConversionError
from graphc.keras.engine.dispatch import infer_call
from graphc.keras.engine.operation import FunctionOperation, record_call
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable

Function = Callable[..., Any]


def custom_gradient(f: Function) -> Function:
    """Return `f` with its own gradient.

    `f(*args)` returns its result and a function from the result's gradients to those of `args`.
    """
    differentiable = jax.custom_gradient(f)

    @wraps(f)
    def function(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _arrays((args, kwargs), "ops.custom_gradient")
        return differentiable(*args, **kwargs)

    return function


def jvp(
    fun: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    """Return `fun(*primals)` and its derivative in the direction of `tangents`.

    With `has_aux`, `fun` returns a pair of which the second is not differentiated; it comes third.
    """
    if any(isinstance(leaf, KerasTensor) for leaf in flatten((primals, tangents))):
        found = infer_call(fun, tuple(primals), {})
        outputs, *rest = found if has_aux else (found,)
        slopes = map_structure(lambda one: KerasTensor(one.shape, one.dtype), outputs)
        operation = FunctionOperation("jvp", jvp)
        return record_call(
            operation, (fun, primals, tangents, has_aux), {}, (outputs, slopes, *rest)
        )
    primals, tangents = _arrays((tuple(primals), tuple(tangents)), "ops.jvp")
    return jax.jvp(fun, primals, tangents, has_aux=has_aux)


def vectorize(
    pyfunc: Function, *, excluded: set[int] | None = None, signature: str | None = None
) -> Function:
    """Return `pyfunc`, a function of scalars, as a function of tensors that broadcast.

    Args:
        pyfunc: the function.
        excluded: positions of arguments that are passed on as they are.
        signature: the core dimensions of arguments and results, such as "(m,n),(n)->(m)".

    Raises:
        ValueError: `pyfunc` cannot be called.
    """
    if not callable(pyfunc):
        raise ValueError(
            f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc!r}"
        )
    mapped = jnp.vectorize(pyfunc, excluded=excluded or set(), signature=signature)

    @wraps(pyfunc)
    def function(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = _arrays((args, kwargs), "ops.vectorize")
        return mapped(*args, **kwargs)

    return function


def _arrays(structure: Any, name: str) -> Any:
    """Return the structure with variables as what they hold.

    Raises:
        SymbolConversionError: there is a symbol of a trace in it.
    """
    for leaf in flatten(structure):
        if isinstance(leaf, Symbol):
            raise SymbolConversionError(f"`{name}` needs arrays. Received: {leaf!r}")
    return map_structure(lambda x: x.value if isinstance(x, Variable) else x, structure)
