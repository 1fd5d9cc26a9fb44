"""Lanes: many trainings of one step in one program, each with numbers of its own.

A lane is one training: its weights, its runtime scalars, its rows of data that all lanes share. On
an accelerator the step is mapped over the lanes, so that a product of small matrices becomes one of
many. On a CPU that gains nothing (34 us a lane and step one after another, 45 us side by side, for
a perceptron of 20-64-64-1), so an epoch of each lane follows that of the one before within the same
call, by the very operations of `fit`: to the bit, it computes the same. What a lane computes does
not depend on the others, nor on how many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from graphc.ir import Graph, fingerprint
from graphc.jitted import Jitted
from graphc.lower import lower, plan
from graphc.programs import PROGRAMS
from graphc.runtime.step import Arrays, Program, Shared, Update, restarted, step_body
from graphc.spec import Target


@dataclass(frozen=True)
class Stretch:
    """Some steps of every epoch: `steps` of them by one program, the first row at `offset`."""

    program: Program
    steps: int
    offset: int


@dataclass(frozen=True, eq=False)
class LanesProgram:
    """A compiled pass over the rows, for any number of lanes at once.

    `run(carry, shared, data, order, active)`: everything in `carry` and `shared`, `order` [lanes,
    capacity], `active` [lanes] and the leaves of the data that are `own` have an axis of lanes in
    front. Lanes that are not active stay as they are. Returns the carry and the logs [lanes].
    """

    run: Jitted
    stretches: tuple[Stretch, ...]  # whose programs live as long as this one, which goes by them


def epoch_program(
    stretches: tuple[Stretch, ...], update: Update | None, own: tuple[bool, ...]
) -> LanesProgram:
    """Return the program of an epoch, from the cache where an equal one was made before.

    Args:
        stretches: what makes an epoch, of mode "train" or "test", over rows taken by an order.
        update: the optimizer's, in training.
        own: of each leaf of the data, whether every lane has one of its own.
    """
    parts = tuple((id(one.program), one.steps, one.offset) for one in stretches)
    return PROGRAMS.get(
        ("lanes", parts, own), lambda: LanesProgram(_jitted(stretches, update, own), stretches)
    )


def _jitted(stretches: tuple[Stretch, ...], update: Update | None, own: tuple[bool, ...]) -> Jitted:
    first, epoch = stretches[0].program, _epoch(stretches, update)
    run = _in_turn(epoch, own) if first.target.platform == "cpu" else _abreast(epoch, own)
    return Jitted(run, donate_argnums=(0,), compiler_options=dict(first.options.values) or None)


def _in_turn(epoch: Callable[..., Any], own: tuple[bool, ...]) -> Callable[..., Any]:
    """Return what does an epoch of one lane after the other; none of those that are not active."""

    def run(carry: Any, shared: Shared, data: Arrays, order: Any, active: Any) -> Any:
        def lane(given: Any) -> Any:
            carry, shared, mine, order, active = given
            leaves = iter(mine)
            whole = tuple(next(leaves) if o else leaf for o, leaf in zip(own, data, strict=True))

            def idle(carry: Any) -> Any:
                logs = jax.eval_shape(epoch, carry, shared, whole, order)[1]
                return carry, jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), logs)

            return lax.cond(active, lambda c: epoch(c, shared, whole, order), idle, carry)

        mine = tuple(leaf for o, leaf in zip(own, data, strict=True) if o)
        return lax.map(lane, (carry, shared, mine, order, active))

    return run


def _abreast(epoch: Callable[..., Any], own: tuple[bool, ...]) -> Callable[..., Any]:
    """Return what does an epoch of all lanes at once."""
    lane = jax.vmap(epoch, in_axes=(0, 0, tuple(0 if one else None for one in own), 0))

    def run(carry: Any, shared: Shared, data: Arrays, order: Any, active: Any) -> Any:
        after, logs = lane(carry, shared, data, order)
        return jax.tree.map(lambda new, old: _where(active, new, old), after, carry), logs

    return run


def _epoch(stretches: tuple[Stretch, ...], update: Update | None) -> Callable[..., Any]:
    """Return what does one epoch of one lane."""
    step, target = stretches[0].program.step, stretches[0].program.target
    bodies = [
        step_body(one.program.step, one.program.step.graph, update, target, shuffled=True)
        for one in stretches
    ]
    run_logs = lower(step.logs, plan(step.logs, target))

    def epoch(carry: Any, shared: Shared, data: Arrays, order: Any) -> Any:
        carry = restarted(carry, step, shared.fresh)
        for one, body in zip(stretches, bodies, strict=True):
            mine = shared.replace(offset=jnp.int32(one.offset))

            def do(index: Any, carry: Any, body: Any = body, mine: Shared = mine) -> Any:
                return body(index, carry, data, order, mine)

            carry = lax.fori_loop(0, one.steps, do, carry)
        return carry.replace(reported=(), bad=()), run_logs((), carry.state, ())[0]

    return epoch


def _where(active: Any, new: Any, old: Any) -> Any:
    return jnp.where(active.reshape(active.shape + (1,) * (new.ndim - 1)), new, old)


def forward_program(graph: Graph, target: Target, leaves: int) -> Jitted:
    """Return the program of a graph's outputs for every lane, on the same rows.

    `run(params, state, data, scalars)`: `leaves` arrays of data are shared, all else is by lane.
    """

    def make() -> Jitted:
        forward = lower(graph, plan(graph, target))

        def lane(params: Arrays, state: Arrays, data: Arrays, scalars: Arrays) -> Arrays:
            return forward(params, state, (*data, *scalars))[0]

        return Jitted(jax.vmap(lane, in_axes=(0, 0, (None,) * leaves, 0)))

    return PROGRAMS.get(("lanes", fingerprint(graph), target, leaves), make)
