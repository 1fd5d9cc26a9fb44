"""Lanes: many trainings of one step in one program, each with numbers of its own.

A lane is one training: its weights, its runtime scalars, its rows of data that all lanes share. The
step's program is mapped over the lanes, so that a product of small matrices becomes one of many.
What a lane computes does not depend on the others, nor on how many there are.
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
    stretches: tuple[Stretch, ...]
    own: tuple[bool, ...]


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
        ("lanes", parts, own), lambda: LanesProgram(_jitted(stretches, update, own), stretches, own)
    )


def _jitted(stretches: tuple[Stretch, ...], update: Update | None, own: tuple[bool, ...]) -> Jitted:
    leaves = tuple(0 if one else None for one in own)
    lane = jax.vmap(_epoch(stretches, update), in_axes=(0, 0, leaves, 0))

    def run(carry: Any, shared: Shared, data: Arrays, order: Any, active: Any) -> Any:
        after, logs = lane(carry, shared, data, order)
        return jax.tree.map(lambda new, old: _where(active, new, old), after, carry), logs

    # The options of the step's own program were chosen for one lane alone.
    return Jitted(run, donate_argnums=(0,))


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
