"""One step of each recurrent layer, and its derivative from what the step recorded.

The activations are tanh and the logistic function, whose derivatives need their values alone. Gates
that are added up before they are activated share one tanh: the logistic function of x is
tanh(x / 2) / 2 + 1 / 2.
"""

from __future__ import annotations

from typing import Protocol

import jax.numpy as jnp
import numpy as np
from jax import Array

States = tuple[Array, ...]
Step = tuple[States, Array, Array | None]
Factors = tuple[Array, ...]
Slopes = tuple[Array, Array | None, tuple[Array | None, ...]]


class Cell(Protocol):
    """A kind of recurrent layer, as its loop needs it.

    `z` [B, G * U] are the inputs projected, `inner` the state times the recurrent weights; `shift`
    [U] is a bias of the last gate of `inner`.
    """

    def step(self, z: Array, inner: Array, before: States, shift: Array | None) -> Step:
        """The states after the step, and a record [B, G * U] and [B, U] for its derivative."""
        ...

    def factors(self, record: Array, extra: Array | None, before: States, after: States) -> Factors:
        """What the derivative needs of all steps at once: operands and results are [T, B, ...]."""
        ...

    def back(self, factors: Factors, wanted: States) -> Slopes:
        """The derivatives of one step by `inner`, by the last gate of `z` and by the states before.

        None stands for that of `inner`, and for no way but through `inner`.
        """
        ...


class SimpleRNN:
    """`h = tanh(z + inner)`."""

    def step(self, z: Array, inner: Array, before: States, shift: Array | None) -> Step:
        """The record is the state."""
        state = jnp.tanh(z + inner)
        return (state,), state, None

    def factors(self, record: Array, extra: Array | None, before: States, after: States) -> Factors:
        """The derivative of tanh."""
        return (1 - record * record,)

    def back(self, factors: Factors, wanted: States) -> Slopes:
        """Through tanh."""
        return wanted[0] * factors[0], None, (None,)


class LSTM:
    """Gates input, forget, candidate, output; states output and cell."""

    def step(self, z: Array, inner: Array, before: States, shift: Array | None) -> Step:
        """The record is the gates."""
        units = before[0].shape[-1]
        scale = np.repeat([0.5, 0.5, 1.0, 0.5], units).astype(z.dtype)
        lift = np.repeat([0.5, 0.5, 0.0, 0.5], units).astype(z.dtype)
        gates = jnp.tanh((z + inner) * scale) * scale + lift
        enter, keep, candidate, leave = jnp.split(gates, 4, axis=-1)
        cell = keep * before[1] + enter * candidate
        return (leave * jnp.tanh(cell), cell), gates, None

    def factors(self, record: Array, extra: Array | None, before: States, after: States) -> Factors:
        """Of the cell by the output, of the gates, and of the cell by the cell before."""
        enter, keep, candidate, leave = jnp.split(record, 4, axis=-1)
        shown = jnp.tanh(after[1])
        gates = [
            candidate * (enter * (1 - enter)),
            before[1] * (keep * (1 - keep)),
            enter * (1 - candidate * candidate),
            shown * (leave * (1 - leave)),
        ]
        return leave * (1 - shown * shown), jnp.concatenate(gates, axis=-1), keep

    def back(self, factors: Factors, wanted: States) -> Slopes:
        """Through the output, then through the cell."""
        through, gates, keep = factors
        d_output, d_cell = wanted
        d_cell = d_cell + d_output * through
        d_gates = jnp.concatenate([d_cell, d_cell, d_cell, d_output], axis=-1) * gates
        return d_gates, None, (None, d_cell * keep)


class GRU:
    """Gates update, reset, candidate; the reset gate comes after the recurrent product."""

    def step(self, z: Array, inner: Array, before: States, shift: Array | None) -> Step:
        """The record is the gates, and what the reset gate weighs."""
        units = before[0].shape[-1]
        gates = jnp.tanh((z + inner)[:, : 2 * units] * 0.5) * 0.5 + 0.5
        update, reset = jnp.split(gates, 2, axis=-1)
        weighed = inner[:, 2 * units :]
        weighed = weighed if shift is None else weighed + shift
        candidate = jnp.tanh(z[:, 2 * units :] + reset * weighed)
        state = candidate + update * (before[0] - candidate)
        return (state,), jnp.concatenate([gates, candidate], axis=-1), weighed

    def factors(self, record: Array, extra: Array | None, before: States, after: States) -> Factors:
        """Of the gates, of the candidate, and of the state by the state before."""
        update, reset, candidate = jnp.split(record, 3, axis=-1)
        by_candidate = (1 - update) * (1 - candidate * candidate)
        gates = [
            (before[0] - candidate) * (update * (1 - update)),
            by_candidate * (0 if extra is None else extra) * (reset * (1 - reset)),
            by_candidate * reset,
        ]
        return jnp.concatenate(gates, axis=-1), by_candidate, update

    def back(self, factors: Factors, wanted: States) -> Slopes:
        """Through the mixture, then through the candidate."""
        gates, by_candidate, update = factors
        (d_output,) = wanted
        return jnp.tile(d_output, (1, 3)) * gates, d_output * by_candidate, (d_output * update,)
