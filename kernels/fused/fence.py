"""`written_out`: a value that XLA computes once and keeps, where it would compute it again.

XLA's CPU backend fuses a chain of cheap operations into every loop that reads its result, however
long the chain, however many the loops, and however slow the order in which a loop reads. Barriers
are dropped before that. A loop whose condition no simplification can decide is not looked through:
one that never turns hands its operand on, in the same memory.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax


@jax.custom_jvp
def written_out(array: Array) -> Array:
    """`array`, floating, in memory by itself, not computed anew by whoever reads it."""
    if array.size == 0:
        return array
    never = false_unknown_to_xla(array)
    return lax.while_loop(lambda carry: carry[0], _turn, (never, array))[1]


@written_out.defjvp
def _derivative(arrays: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return written_out(*arrays), tangents[0]  # a loop of unknown length cannot be turned around


def _turn(carry: tuple[Array, Array]) -> tuple[Array, Array]:
    return jnp.zeros_like(carry[0]), -carry[1]


def false_unknown_to_xla(array: Array) -> Array:
    """False, computed so that no simplification sees it: no number is NaN and infinite."""
    one = array.reshape(-1)[0]
    return jnp.isnan(one) & jnp.isinf(one)
