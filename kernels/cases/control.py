"""Cases of control flow, with plain functions for bodies."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from graphc.kernels.cases.case import Case, floats, given, ints


def _step(carry: Any, x: Any, weights: Any) -> tuple[Any, Any]:
    new = jnp.tanh(carry @ weights + x)
    return new, new * 2


def _below(x: Any, limit: Any) -> tuple[Any]:
    return (jnp.sum(x) < limit,)


def _grow(x: Any) -> tuple[Any]:
    return (x * 2 + 1,)


def _sum(a: Any, b: Any) -> tuple[Any]:
    return (a + b,)


def _product(a: Any, b: Any) -> tuple[Any]:
    return (a * b,)


def _loss(weights: Any, x: Any) -> tuple[Any, Any]:
    hidden = jnp.tanh(x @ weights)
    return jnp.sum(hidden * hidden), hidden


class Descent(NamedTuple):
    """The plainest optimizer: its one variable counts the steps."""

    digest: str = "descent"

    def update(self, grads: Any, variables: Any, params: Any, scalars: Any) -> Any:
        """Go down by the rate times the gradient."""
        rate = scalars["rate"]
        return tuple(p - rate * g for p, g in zip(params, grads, strict=True)), (variables[0] + 1,)


def control_cases() -> list[Case]:
    """Loops, branches, maps, gradients and updates."""
    carry, steps, weights = floats(3, 4), floats(6, 3, 4), floats(4, 4, low=-0.5, high=0.5)
    scan = {"body": _step, "carries": 1, "sequences": 1}
    loop = {"condition": _below, "body": _grow, "carries": 1, "condition_captures": 1}
    two = {"branches": (_sum, _product), "uses": ((0, 1), (1, 2))}
    descent = {"plan": Descent(), "parameters": 1, "scalars": ("rate",)}
    three = (floats(3), floats(3), floats(3))
    return [
        Case("core.scan", "recurrence", (carry, steps, weights), scan),
        Case("core.scan", "backwards", (carry, steps, weights), {**scan, "reverse": True}),
        Case("core.while_loop", "sum", (floats(3, low=1.0), given(50.0)), loop),
        Case("core.switch", "first", (ints(high=1), *three), two),
        Case("core.switch", "clamped", (given(7, "int32"), *three), two),
        Case("core.gradient", "loss", (weights, floats(3, 4)), {"body": _loss, "wrt": 1}),
        Case("core.update", "descent", (floats(3), floats(3), given(0.1), given(0.0)), descent),
        Case("core.remat", "sum", (floats(5, 3), floats(3)), {"body": _product}),
        Case("core.vectorized_map", "rows", (floats(5, 3), floats(3)), {"body": _sum, "mapped": 1}),
    ]
