"""`uniform`: a function of `keras.ops` made from an op's name and the function's signature.

It serves every function whose tensor arguments come first, in the op's order, and whose other
arguments are the op's attributes by the same names.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import standardize_dtype
from graphc.keras.engine.tensor import KerasTensor, Symbol
from graphc.keras.engine.variable import Variable
from graphc.kernels.registry import OPS

TENSORS = (KerasTensor, Symbol, Variable, jax.Array)


def operand(value: Any) -> Any:
    """Return a tensor argument as `apply` takes it: nested lists become arrays.

    Lists that hold tensors are stacked; Python scalars and None stay as they are.
    """
    if not isinstance(value, (list, tuple)):
        return value
    if any(isinstance(leaf, TENSORS) for leaf in jax.tree_util.tree_leaves(value)):
        return apply("shape.stack", *(operand(item) for item in value), axis=0)
    return np.asarray(value)


def attribute(name: str, value: Any) -> Any:
    """Return an attribute as an op takes it: hashable, numbers of Python, dtypes by name."""
    if name == "dtype":
        return None if value is None else canonical_dtype(value)
    if isinstance(value, (list, tuple)):
        return tuple(attribute("", item) for item in value)
    if isinstance(value, (np.ndarray, jax.Array)):
        return attribute("", value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def canonical_dtype(dtype: Any) -> str:
    """Return the name of the dtype that arrays really get: 32-bit while 64-bit is switched off."""
    return str(jax.dtypes.canonicalize_dtype(standardize_dtype(dtype)))


def uniform(op: str, signature: str, name: str | None = None) -> Callable[..., Any]:
    """Return the function that applies `op`.

    `signature` lists the tensors, a semicolon, and the attributes with their defaults, such as
    "x; axis=None, keepdims=False". `name` is the function's name where it is not the op's.
    """
    tensors, _, attributes = signature.partition(";")
    names = [part.strip() for part in tensors.split(",")]
    parameters = [_parameter(name) for name in names]
    parameters += [_parameter(part.strip()) for part in attributes.split(",") if part.strip()]
    described = inspect.Signature(parameters)

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = described.bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        operands = [operand(values.pop(tensor)) for tensor in names]
        return apply(op, *operands, **{key: attribute(key, values[key]) for key in values})

    function.__name__ = function.__qualname__ = name or op.rpartition(".")[2]
    function.__doc__ = OPS[op].reference.__doc__
    function.__signature__ = described  # type: ignore[attr-defined]
    function.__module__ = "graphc.keras.ops"
    return function


def _parameter(text: str) -> inspect.Parameter:
    name, given, default = text.partition("=")
    value = ast.literal_eval(default) if given else inspect.Parameter.empty
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value)
