"""Registration of uniform ops, whose reference is one function of `jax.numpy` as it stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from graphc.kernels.registry import op


def register_table(
    family: str,
    functions: Mapping[str, Callable[..., Any]],
    convert: Callable[[Any], Any] = jnp.asarray,
) -> None:
    """Register each function as `family.name`; `convert` is applied to every tensor operand.

    Operands may be Python scalars and NumPy arrays. An absent operand (None) stays None. A list of
    results becomes a tuple.
    """
    for name, function in functions.items():
        op(f"{family}.{name}")(_as_op(name, function, convert))


def _as_op(
    name: str, function: Callable[..., Any], convert: Callable[[Any], Any]
) -> Callable[..., Any]:
    def reference(*tensors: Any, **attrs: Any) -> Any:
        result = function(*(t if t is None else convert(t) for t in tensors), **attrs)
        return tuple(result) if isinstance(result, (list, tuple)) else result

    reference.__name__ = reference.__qualname__ = name
    reference.__doc__ = f"`{name}` with the operands and attributes of NumPy's function."
    return reference
