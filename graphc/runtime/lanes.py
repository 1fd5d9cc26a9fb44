"""Lanes: many trainings of one step in one program, each with numbers of its own.

A lane is one training: its weights, its runtime scalars, its rows of data that all lanes share. On
an accelerator the step is mapped over the lanes, so that a product of small matrices becomes one of
many. On a CPU that loses (1.4 times the seconds for a perceptron of 20-4-1, 2.7 for 20-64-64-1, 3.2
for 20-256-256-1, eighty lanes on two cores), so an epoch of each lane follows that of the one
before within the same call, by the very operations of `fit`: to the bit, it computes the same. What
a lane computes does not depend on the others, nor on how many there are. A call does several
epochs, where nobody wants to look between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from graphc import config
from graphc.ir import Graph, fingerprint
from graphc.jitted import Jitted
from graphc.lower import lower, plan
from graphc.programs import PROGRAMS
from graphc.runtime.step import Arrays, Program, Shared, Update, restarted, step_body
from graphc.spec import Target


def in_turn(target: Target) -> tuple[bool, str]:
    """Return whether lanes are done one after another, rather than side by side, and why."""
    asked = config.LANES.value
    if asked in ("in_turn", "abreast"):
        return asked == "in_turn", f"{config.LANES.env}={asked} asks for it"
    if target.platform == "cpu":
        return True, "a core gains nothing from small products side by side"
    return False, "many small products keep an accelerator busy"


@dataclass(frozen=True, eq=False)
class LanesProgram:
    """A compiled pass over the rows, for any number of lanes at once.

    `run(carry, shared, data, orders, epochs, stretches)`: everything in `carry` and `shared`,
    `orders` [lanes, E, capacity], `epochs` [lanes] and the leaves of the data that are `own` have
    an axis of lanes in front. A lane does as many epochs as it is told, at most E. An epoch is made
    of `stretches` [P, 2]: how many steps of each program, from which row on. Returns the carry and
    logs [lanes, E].
    """

    run: Jitted
    programs: tuple[Program, ...]  # which live as long as this one, which goes by them


def epoch_program(
    programs: tuple[Program, ...], update: Update | None, own: tuple[bool, ...]
) -> LanesProgram:
    """Return the program of an epoch, from the cache where an equal one was made before.

    Args:
        programs: whose steps make an epoch, of mode "train" or "test", over rows by an order.
        update: the optimizer's, in training.
        own: of each leaf of the data, whether every lane has one of its own.
    """
    turns, _ = in_turn(programs[0].target)
    return PROGRAMS.get(
        ("lanes", tuple(map(id, programs)), own, turns),
        lambda: LanesProgram(_jitted(programs, update, own, turns), programs),
    )


def _jitted(
    programs: tuple[Program, ...], update: Update | None, own: tuple[bool, ...], turns: bool
) -> Jitted:
    first, epochs = programs[0], _epochs(programs, update)
    run = _in_turn(epochs, own) if turns else _abreast(epochs, own)
    return Jitted(run, donate_argnums=(0,), compiler_options=dict(first.options.values) or None)


def _in_turn(epochs: Callable[..., Any], own: tuple[bool, ...]) -> Callable[..., Any]:
    """Return what does the epochs of one lane after the other."""

    def run(
        carry: Any, shared: Shared, data: Arrays, orders: Any, count: Any, stretches: Any
    ) -> Any:
        def lane(given: Any) -> Any:
            carry, shared, mine, orders, count = given
            leaves = iter(mine)
            whole = tuple(next(leaves) if o else leaf for o, leaf in zip(own, data, strict=True))
            return epochs(carry, shared, whole, orders, count, stretches)

        mine = tuple(leaf for o, leaf in zip(own, data, strict=True) if o)
        return lax.map(lane, (carry, shared, mine, orders, count))

    return run


def _abreast(epochs: Callable[..., Any], own: tuple[bool, ...]) -> Callable[..., Any]:
    """Return what does the epochs of all lanes at once; those with fewer of them wait."""

    def run(
        carry: Any, shared: Shared, data: Arrays, orders: Any, count: Any, stretches: Any
    ) -> Any:
        axes = (0, 0, tuple(0 if one else None for one in own), 0, 0, None)
        return jax.vmap(epochs, in_axes=axes)(carry, shared, data, orders, count, stretches)

    return run


def _epochs(programs: tuple[Program, ...], update: Update | None) -> Callable[..., Any]:
    """Return what does some epochs of one lane."""
    step, target = programs[0].step, programs[0].target
    bodies = [
        step_body(one.step, one.step.graph, update, target, shuffled=True) for one in programs
    ]
    run_logs = lower(step.logs, plan(step.logs, target))

    def epoch(carry: Any, shared: Shared, data: Arrays, order: Any, stretches: Any) -> Any:
        carry = restarted(carry, step, shared.fresh)
        for number, body in enumerate(bodies):
            mine = shared.replace(offset=stretches[number, 1])

            def do(index: Any, carry: Any, body: Any = body, mine: Shared = mine) -> Any:
                return body(index, carry, data, order, mine)

            carry = lax.fori_loop(0, stretches[number, 0], do, carry)
        return carry.replace(reported=(), bad=()), run_logs((), carry.state, ())[0]

    def epochs(
        carry: Any, shared: Shared, data: Arrays, orders: Any, count: Any, stretches: Any
    ) -> Any:
        def one(number: Any, before: Any) -> Any:
            carry, logs = before
            carry, found = epoch(carry, shared, data, orders[number], stretches)
            return carry, tuple(log.at[number].set(f) for log, f in zip(logs, found, strict=True))

        specs = [value.spec for value in step.logs.outputs]
        logs = tuple(jnp.zeros((len(orders), *spec.shape), spec.dtype) for spec in specs)
        return lax.fori_loop(0, count, one, (carry, logs))

    return epochs


def forward_program(graph: Graph, target: Target, leaves: int) -> Jitted:
    """Return the program of a graph's outputs: of one lane where they go in turn, else of all.

    `run(params, state, data, scalars)`: `leaves` arrays of data; where all lanes are done at once,
    they share these, and all else has an axis of lanes in front.
    """
    turns, _ = in_turn(target)

    def make() -> Jitted:
        forward = lower(graph, plan(graph, target))

        def lane(params: Arrays, state: Arrays, data: Arrays, scalars: Arrays) -> Arrays:
            return forward(params, state, (*data, *scalars))[0]

        at_once = jax.vmap(lane, in_axes=(0, 0, (None,) * leaves, 0))
        return Jitted(lane if turns else at_once)

    return PROGRAMS.get(("lanes", fingerprint(graph), target, leaves, turns), make)
