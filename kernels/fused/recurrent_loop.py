"""The loop of the recurrent kernels, with a backward pass of its own.

Arrays are [T, B, ...], so that what a step works on lies together. In place of a step's inputs the
forward loop leaves what the derivative needs; its factors are computed for all steps at once. The
backward loop leaves the derivative by those inputs; the gradient of the weights is one product
after it.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from graphc.kernels.fused.recurrent_cells import Cell, Factors, States, Step

UNROLL = 4  # steps in one turn of the loop without derivatives: the turn costs as much as a gate


class Chain(NamedTuple):
    """The operands of a chain of steps in one direction."""

    inputs: Array  # [T, B, G * U]: projected
    weights: Array  # [U, G * U]
    bias: Array | None  # [G * U]
    shift: Array | None  # [U]
    first: States  # [B, U] each


class Trail(NamedTuple):
    """What the forward loop leaves.

    The states have one step more than the inputs: at the edge where the chain starts are the first.
    """

    states: tuple[Array, ...]  # [T + 1, B, U] each
    record: Array  # [T, B, G * U]
    extra: Array | None  # [T, B, U]


Directions = tuple[bool, ...]  # for every chain whether it goes back in time
Outputs = tuple[tuple[Array, ...], ...]


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def run(
    cell: Cell, backwards: Directions, mask: Array | None, chains: tuple[Chain, ...]
) -> Outputs:
    """For every chain the outputs [T, B, U] in the order of time, then the last states [B, U].

    All share one loop, in which each goes its own way. `mask` [T, B] is boolean: where it is False
    the states stay as they are.
    """
    # What follows runs where no derivative is taken: it keeps the outputs alone.
    length = chains[0].inputs.shape[0]

    def body(step: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        places = [length - 1 - step if back else step for back in backwards]
        found: list[Any] = []
        for chain, place, (states, outputs) in zip(chains, places, carry, strict=True):
            after, _, _ = _after(cell, chain, mask, place, states, chain.inputs)
            found.append((after, _put(outputs, after[0], place)))
        return tuple(found)

    first = [chain.first for chain in chains]
    start = tuple((s, jnp.zeros((length, *s[0].shape), s[0].dtype)) for s in first)
    finished = lax.fori_loop(0, length, body, start, unroll=UNROLL)
    return tuple((outputs, *states) for states, outputs in finished)


def _forward(
    cell: Cell, backwards: Directions, mask: Array | None, chains: tuple[Chain, ...]
) -> tuple[Outputs, Any]:
    length = chains[0].inputs.shape[0]

    def body(step: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(
            _advance(cell, chain, back, mask, length - 1 - step if back else step, *state)
            for chain, back, state in zip(chains, backwards, carry, strict=True)
        )

    pairs = list(zip(chains, backwards, strict=True))
    start = tuple((chain.first, _empty_trail(cell, chain, back)) for chain, back in pairs)
    finished = lax.fori_loop(0, length, body, start)
    outputs = tuple(
        (_later(trail.states[0], back), *last)
        for (last, trail), back in zip(finished, backwards, strict=True)
    )
    operands = [(chain.weights, chain.bias, chain.shift) for chain in chains]
    return outputs, (mask, operands, [trail for _, trail in finished])


def _empty_trail(cell: Cell, chain: Chain, back: bool) -> Trail:
    length, rows = chain.inputs.shape[:2]
    edge = jnp.int32(length if back else 0)
    states = tuple(
        _put(jnp.zeros((length + 1, rows, state.shape[1]), state.dtype), state, edge)
        for state in chain.first
    )
    z = chain.inputs[0]
    extra = jax.eval_shape(cell.step, z, z, chain.first, chain.shift)[2]
    if extra is not None:
        extra = jnp.zeros((length, rows, extra.shape[1]), extra.dtype)
    return Trail(states, chain.inputs, extra)


def _advance(
    cell: Cell,
    chain: Chain,
    back: bool,
    mask: Array | None,
    place: Array,
    before: States,
    trail: Trail,
) -> tuple[States, Trail]:
    """One step of one chain, at a place in time: the states after it, and the trail longer."""
    after, record, extra = _after(cell, chain, mask, place, before, trail.record)
    target = place if back else place + 1
    states = [_put(whole, new, target) for whole, new in zip(trail.states, after, strict=True)]
    extras = None if extra is None or trail.extra is None else _put(trail.extra, extra, place)
    return after, Trail(tuple(states), _put(trail.record, record, place), extras)


def _after(
    cell: Cell, chain: Chain, mask: Array | None, place: Array, before: States, inputs: Array
) -> Step:
    """The states after a step at a place in time, and what its derivative needs."""
    z = _at(inputs, place)
    z = z if chain.bias is None else z + chain.bias
    after, record, extra = cell.step(z, before[0] @ chain.weights, before, chain.shift)
    if mask is not None:
        keep = _at(mask, place)[:, None]
        after = tuple(jnp.where(keep, new, old) for new, old in zip(after, before, strict=True))
    return after, record, extra


def _backward(
    cell: Cell, backwards: Directions, residuals: Any, wanted: Outputs
) -> tuple[None, tuple[Chain, ...]]:
    mask, operands, trails = residuals
    length = trails[0].record.shape[0]
    transposed = [weights.T for weights, _, _ in operands]

    factors = [_factors(cell, *pair) for pair in zip(trails, backwards, strict=True)]

    def body(step: Array, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        each = zip(transposed, factors, backwards, wanted, carry, strict=True)
        return tuple(
            _retreat(cell, weights, known, mask, step if back else length - 1 - step,
                     outputs, *state)
            for weights, known, back, (outputs, *_), state in each
        )  # fmt: skip

    start = tuple(
        (tuple(last), *jax.tree.map(jnp.zeros_like, (trail.record, trail.extra)))
        for trail, (_, *last) in zip(trails, wanted, strict=True)
    )
    found = lax.fori_loop(0, length, body, start)
    each = zip(operands, trails, backwards, found, strict=True)
    return None, tuple(_gradient(*given, trail, back, *left) for given, trail, back, left in each)


def _factors(cell: Cell, trail: Trail, back: bool) -> Factors:
    before = tuple(_earlier(states, back) for states in trail.states)
    after = tuple(_later(states, back) for states in trail.states)
    return cell.factors(trail.record, trail.extra, before, after)


def _retreat(
    cell: Cell,
    transposed: Array,
    factors: Factors,
    mask: Array | None,
    place: Array,
    d_outputs: Array,
    d_after: States,
    d_inners: Array,
    d_lasts: Array | None,
) -> tuple[States, Array, Array | None]:
    """One step of a backward pass: the derivatives by the states before, and by the inputs."""
    d_after = (d_after[0] + _at(d_outputs, place), *d_after[1:])
    keep = None if mask is None else _at(mask, place)[:, None]
    d_inner, d_last, direct = cell.back(
        tuple(_at(whole, place) for whole in factors),
        d_after if keep is None else tuple(jnp.where(keep, d, 0) for d in d_after),
    )
    through = d_inner @ transposed
    found = [through if direct[0] is None else through + direct[0], *direct[1:]]
    if keep is not None:
        found = [new + jnp.where(keep, 0, d) for new, d in zip(found, d_after, strict=True)]
    if d_lasts is not None and d_last is not None:
        d_lasts = _put(d_lasts, d_last, place)
    return tuple(found), _put(d_inners, d_inner, place), d_lasts


def _gradient(
    weights: Array,
    bias: Array | None,
    shift: Array | None,
    trail: Trail,
    back: bool,
    d_first: States,
    d_inner: Array,
    d_last: Array | None,
) -> Chain:
    """The derivatives by a chain's operands, over all steps at once."""
    units = weights.shape[0]
    slopes = d_inner.reshape(-1, d_inner.shape[2])  # [T * B, G * U]
    states = _earlier(trail.states[0], back).reshape(-1, units)
    d_weights = lax.dot_general(states, slopes, (((0,), (0,)), ((), ())))
    d_shift = None if shift is None else jnp.sum(slopes[:, -units:], axis=0)
    d_inputs = d_inner
    if d_last is not None:
        d_inputs = jnp.concatenate([d_inner[:, :, :-units], d_last], axis=-1)
    d_bias = None if bias is None else jnp.sum(d_inputs, axis=(0, 1))
    return Chain(d_inputs, d_weights, d_bias, d_shift, d_first)


run.defvjp(_forward, _backward)


def _at(array: Array, step: Array) -> Array:
    """What an array [T, B, ...] holds of one step."""
    return lax.dynamic_index_in_dim(array, step, 0, keepdims=False, allow_negative_indices=False)


def _put(array: Array, strip: Array, step: Array) -> Array:
    return lax.dynamic_update_index_in_dim(array, strip, step, 0, allow_negative_indices=False)


def _later(states: Array, back: bool) -> Array:
    """The states after every step, in the order of time."""
    return states[:-1] if back else states[1:]


def _earlier(states: Array, back: bool) -> Array:
    """The states before every step, in the order of time."""
    return states[1:] if back else states[:-1]
