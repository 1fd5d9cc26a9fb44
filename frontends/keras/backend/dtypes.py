"""Dtypes of results, as Keras promotes them."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from graphc.keras.engine.settings import floatx, standardize_dtype

WEAK = (int, float)
FLOAT8 = ("float8_e4m3fn", "float8_e5m2")


def result_type(*dtypes: Any) -> str:
    """Return the dtype of a result of operands of these dtypes.

    Args:
        dtypes: dtypes, or `int` and `float` for Python numbers, which give way to any dtype of
            their kind; None stands for floatx.

    Raises:
        ValueError: a float8 dtype, which is never converted by itself, or not a dtype.
    """
    if not dtypes:
        return floatx()
    given = [floatx() if dtype is None else dtype for dtype in dtypes]
    names = [dtype if dtype in WEAK else standardize_dtype(dtype) for dtype in given]
    if any(name in FLOAT8 for name in names):
        raise ValueError(
            "There is no implicit conversion between float8 and other dtypes: cast first. "
            f"Received: {dtypes}"
        )
    kinds = {name if name in WEAK else name.rstrip("0123456789") for name in names}
    promoted = jnp.result_type(*(name if name in WEAK else _narrow(name) for name in names)).name
    if kinds & {"complex", "float", "bfloat"}:
        return promoted
    width = floatx()[-2:]  # of what only Python numbers decide
    if float in kinds or ("uint64" in names and "int" in kinds):
        return f"float{width}"
    if kinds <= {int, "bool"} and int in kinds:
        return f"int{width}"
    return promoted


def _narrow(name: str) -> str:
    """Return the dtype that stands for one of 64 bits: the backend computes in 32."""
    return NARROW.get(name, name)


NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32", "complex128": "complex64"}
