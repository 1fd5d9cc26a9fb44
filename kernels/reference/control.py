"""Control flow: loops, conditionals and maps over bodies that are pure functions of arrays.

A body takes its explicit operands first, then what it captured; it returns a tuple. It is hashable,
and equal to another that computes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from graphc.kernels.registry import op

Body = Callable[..., tuple[Any, ...]]


@op("core.scan")
def scan(
    *operands: Any,
    body: Body,
    carries: int,
    sequences: int,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Array, ...]:
    """Thread `carries` operands through `body`, step by step along axis 0 of `sequences` others.

    The rest of the operands is the same for every step. Returns the last carries, then what each
    step gave beside them, stacked along a new axis 0.
    """
    first = tuple(map(jnp.asarray, operands[:carries]))
    stop = carries + sequences
    steps, captured = tuple(map(jnp.asarray, operands[carries:stop])), operands[stop:]

    def step(carry: tuple[Any, ...], slices: tuple[Any, ...]) -> tuple[Any, Any]:
        results = body(*carry, *slices, *captured)
        return results[:carries], results[carries:]

    last, stacked = lax.scan(step, first, steps, length=length, reverse=reverse, unroll=unroll)
    return (*last, *stacked)


@op("core.while_loop")
def while_loop(
    *operands: Any,
    condition: Body,
    body: Body,
    carries: int,
    condition_captures: int = 0,
    maximum_iterations: int | None = None,
) -> tuple[Array, ...]:
    """Replace the first `carries` operands by `body` of them while `condition` holds.

    After them come the captures of the condition, then those of the body.
    """
    first = tuple(map(jnp.asarray, operands[:carries]))
    stop = carries + condition_captures
    asked, captured = operands[carries:stop], operands[stop:]

    def goes_on(state: tuple[Any, ...]) -> Any:
        (holds,) = condition(*state[1:], *asked)
        holds = jnp.reshape(holds, ())
        return holds if maximum_iterations is None else holds & (state[0] < maximum_iterations)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        return state[0] + 1, *body(*state[1:], *captured)

    return lax.while_loop(goes_on, step, (jnp.int32(0), *first))[1:]


@op("core.switch")
def switch(
    index: Any, *operands: Any, branches: tuple[Body, ...], uses: tuple[tuple[int, ...], ...]
) -> tuple[Array, ...]:
    """Run one branch: that at `index`, clamped to the range (a boolean picks 0 or 1).

    `uses` tells for each branch which of the operands it takes.
    """

    def calls(branch: Body, taken: tuple[int, ...]) -> Callable[..., tuple[Any, ...]]:
        return lambda *arrays: tuple(branch(*(arrays[place] for place in taken)))

    chosen = jnp.reshape(jnp.asarray(index), ()).astype(jnp.int32)
    functions = [calls(*pair) for pair in zip(branches, uses, strict=True)]
    return lax.switch(chosen, functions, *map(jnp.asarray, operands))


@op("core.vectorized_map")
def vectorized_map(*operands: Any, body: Body, mapped: int) -> tuple[Array, ...]:
    """Apply `body` to every row of the first `mapped` operands, all rows at once."""
    axes = (0,) * mapped + (None,) * (len(operands) - mapped)
    return tuple(jax.vmap(body, in_axes=axes)(*map(jnp.asarray, operands)))


@op("core.remat")
def remat(*operands: Any, body: Body) -> tuple[Array, ...]:
    """Compute `body`; the backward pass computes what is inside again instead of keeping it."""
    return tuple(jax.checkpoint(body)(*map(jnp.asarray, operands)))


@op("core.gradient")
def gradient(*operands: Any, body: Body, wrt: int) -> tuple[Array, ...]:
    """Compute `body`, and the derivative of its first result by the first `wrt` operands.

    The first result is a scalar. Returns all results, then the derivatives.
    """
    sources, captured = tuple(map(jnp.asarray, operands[:wrt])), operands[wrt:]

    def first_of(*chosen: Any) -> tuple[Any, Any]:
        results = body(*chosen, *captured)
        return jnp.reshape(results[0], ()), results

    derivatives, results = jax.grad(first_of, tuple(range(wrt)), has_aux=True)(*sources)
    return (*results, *derivatives)


@op("core.update")
def update(*operands: Any, plan: Any, parameters: int, scalars: tuple[str, ...]) -> tuple[Any, ...]:
    """Do an optimizer's step: the parameters after it, then the optimizer's variables.

    Operands: a gradient (or None) for each of `parameters`, the parameters, the `scalars` by name,
    the optimizer's variables. `plan.update` is the step.
    """
    grads, params = operands[:parameters], operands[parameters : 2 * parameters]
    stop = 2 * parameters + len(scalars)
    known = dict(zip(scalars, operands[2 * parameters : stop], strict=True))
    after, variables = plan.update(grads, operands[stop:], params, known)
    return (*after, *variables)
