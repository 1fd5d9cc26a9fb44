"""Opaque code as the jaxpr that it traces to: equal jaxprs share programs, whoever wrote them.

Nothing of the model it came from stays alive with it, and rebuilding the model compiles nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

# Calls that carry derivative rules as Python functions, which the text of a jaxpr only names.
WITH_RULES = re.compile(r"custom_[jv][vj]p_call")


class Opaque:
    """A pure function of arrays, to be the attribute of a `core.call` node.

    Attributes:
        jaxpr: what the code traced to.
        name: of the layer, for messages.
        digest: equal for equal jaxprs, of the gradient too, with equal constants.
    """

    def __init__(self, jaxpr: ClosedJaxpr, name: str) -> None:
        self.jaxpr, self.name = jaxpr, name
        self.digest = _digest(jaxpr) or f"{name} {id(self):x}"

    def __call__(self, *arrays: Any) -> tuple[Any, ...]:
        return tuple(jaxpr_as_fun(self.jaxpr)(*arrays))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<opaque {self.name}>"


def _digest(closed: ClosedJaxpr) -> str | None:
    """A digest of text and constants, or None where these do not tell all."""
    text = str(closed.jaxpr)
    if WITH_RULES.search(text):
        text += _gradient_text(closed)
    digest = hashlib.sha256(text.encode())
    for constant in _constants(closed):
        opaque = jax.dtypes.issubdtype(constant.dtype, jax.dtypes.extended)
        if opaque or isinstance(constant, jax.core.Tracer):
            return None
        array = np.asarray(constant)
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _gradient_text(closed: ClosedJaxpr) -> str:
    """The jaxpr of the gradient, in which derivative rules are written out."""
    given = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in closed.in_avals]
    smooth = [jnp.issubdtype(spec.dtype, jnp.inexact) for spec in given]
    kept = [jnp.issubdtype(aval.dtype, jnp.inexact) for aval in closed.out_avals]

    def gradient(arrays: list[Any], cotangents: list[Any]) -> Any:
        def of(floats: list[Any]) -> list[Any]:
            rest = iter(floats)
            whole = [next(rest) if yes else a for a, yes in zip(arrays, smooth, strict=True)]
            outputs = jaxpr_as_fun(closed)(*whole)
            return [output for output, yes in zip(outputs, kept, strict=True) if yes]

        floats = [array for array, yes in zip(arrays, smooth, strict=True) if yes]
        return jax.vjp(of, floats)[1](cotangents)

    avals = [aval for aval, yes in zip(closed.out_avals, kept, strict=True) if yes]
    cotangents = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in avals]
    return str(jax.make_jaxpr(gradient)(given, cotangents))


def _constants(closed: ClosedJaxpr) -> Iterator[Any]:
    """The arrays that the code closed over, at any depth."""
    yield from closed.consts
    for equation in closed.jaxpr.eqns:
        for parameter in jax.tree.leaves(tuple(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(parameter):
                open_one = isinstance(parameter, Jaxpr)
                yield from _constants(ClosedJaxpr(parameter, ()) if open_one else parameter)


def _is_jaxpr(value: object) -> bool:
    return isinstance(value, ClosedJaxpr | Jaxpr)
