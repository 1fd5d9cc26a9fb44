"""Recomputation that XLA cannot undo on the CPU.

`jax.checkpoint` keeps the second computation apart from the first by barriers, which XLA's CPU
compiler drops before it merges equal computations: nothing is freed. What is inside a branch of a
conditional, it leaves there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from graphc.kernels.fused.fence import false_unknown_to_xla
from graphc.kernels.registry import Signature, Target, kernel

Arrays = tuple[Any, ...]
Body = Callable[..., tuple[Any, ...]]


def _on_cpu(signature: Signature, target: Target) -> str | None:
    if target.platform != "cpu":
        return "barriers hold on this device"
    results = [spec for spec in signature.inputs if spec is not None]
    if not any(jnp.issubdtype(spec.dtype, jnp.floating) for spec in results):
        return "no operand has a derivative"
    return None


@kernel("core.remat", tier="fused", supports=_on_cpu)
def remat_in_branch(*operands: Any, body: Body) -> tuple[Array, ...]:
    """Compute `body`; the backward pass computes it again in a branch that is always taken."""
    arrays = tuple(map(jnp.asarray, operands))
    smooth = tuple(jnp.issubdtype(array.dtype, jnp.inexact) for array in arrays)
    return _computed_twice(body, smooth)(*arrays)


def _computed_twice(body: Body, smooth: tuple[bool, ...]) -> Callable[..., tuple[Array, ...]]:
    @jax.custom_vjp
    def once(*arrays: Any) -> Arrays:
        return tuple(body(*arrays))

    def forward(*arrays: Any) -> tuple[Arrays, Arrays]:
        return tuple(body(*arrays)), arrays

    def backward(arrays: Arrays, cotangents: Arrays) -> Arrays:
        known = next(a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating))
        taken = ~false_unknown_to_xla(known)
        found = iter(lax.cond(taken, _derivatives, _zeros, arrays, cotangents))
        return tuple(next(found) if one else None for one in smooth)

    def _derivatives(arrays: Arrays, cotangents: Arrays) -> Arrays:
        def of_smooth(*chosen: Any) -> Arrays:
            given = iter(chosen)
            return tuple(
                body(*(next(given) if one else a for a, one in zip(arrays, smooth, strict=True)))
            )

        wanted = [a for a, one in zip(arrays, smooth, strict=True) if one]
        return jax.vjp(of_smooth, *wanted)[1](cotangents)

    def _zeros(arrays: Arrays, cotangents: Arrays) -> Arrays:
        del cotangents
        return tuple(jnp.zeros_like(a) for a, one in zip(arrays, smooth, strict=True) if one)

    once.defvjp(forward, backward)
    return once
