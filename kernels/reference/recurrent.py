"""Recurrent layers over whole sequences: `nn.simple_rnn`, `nn.gru`, `nn.lstm`, `nn.bidirectional`.

The product of the inputs and the kernel is taken out of the loop. Operands that may be None:

- `kernel`: the inputs are that product already, with as many features as the gates have together;
- `bias`: zeros; the first states `h` and `c` [B, U]: zeros;
- `mask` [B, T]: where it is False, states and output are those of the step before;
- `recurrent_dropout` [B, G, U]: factors of the state on its way into each of the G gates.

`go_backwards` goes through the steps from the last to the first, and returns outputs in that order.
With `zero_output_for_mask` the output of a masked step is zero. Activations are named as their ops
are: "tanh" is `nn.tanh` or `math.tanh`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.registry import OPS, op

States = tuple[Array, ...]
# A step's inputs projected [B, G * U], the state before it: the states after it.
Step = Callable[[Array, States], States]


@op("nn.simple_rnn")
def simple_rnn(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: ArrayLike | None,
    *,
    activation: str = "tanh",
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array]:
    """Outputs [B, T, U] and the last state [B, U] of `h = activation(x @ kernel + b + h @ R)`.

    x [B, T, F], kernel [F, U], recurrent_kernel R [U, U], bias b [U].
    """
    projected = project(x, kernel, bias)
    weights, act = jnp.asarray(recurrent_kernel), activation_of(activation)

    def step(z: Array, states: States) -> States:
        return (act(z + recurrent_product(states[0], weights, recurrent_dropout, 1)),)

    first = (first_state(h, projected, weights),)
    return _run(step, projected, first, mask, go_backwards, zero_output_for_mask)


@op("nn.gru")
def gru(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: ArrayLike | None,
    *,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    reset_after: bool = True,
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array]:
    """Outputs [B, T, U] and the last state [B, U] of gated recurrent units.

    x [B, T, F], kernel [F, 3U] and recurrent_kernel [U, 3U] for the gates update, reset and
    candidate. `reset_after` applies the reset gate after the recurrent product, with a bias [2, 3U]
    of which the second row belongs to that product; else before it, with a bias [3U].
    Source: Cho et al., arXiv 1406.1078.
    """
    input_bias, recurrent_bias = split_bias(bias, reset_after)
    projected = project(x, kernel, input_bias)
    weights, gate = jnp.asarray(recurrent_kernel), activation_of(recurrent_activation)
    units, act = weights.shape[0], activation_of(activation)
    shift = jnp.zeros(3 * units, weights.dtype) if recurrent_bias is None else recurrent_bias
    taken = 3 if reset_after else 2  # gates whose recurrent product needs no reset gate

    def step(z: Array, states: States) -> States:
        (before,) = states
        x_gates, x_candidate = z[:, : 2 * units], z[:, 2 * units :]
        weighed = recurrent_product(before, weights, recurrent_dropout, 3, slice(taken))
        inner = weighed + shift[: taken * units]
        update, reset = jnp.split(gate(x_gates + inner[:, : 2 * units]), 2, axis=-1)
        if reset_after:
            held_back = reset * inner[:, 2 * units :]
        else:
            allowed = reset * before
            held_back = recurrent_product(allowed, weights, recurrent_dropout, 3, slice(2, 3))
        candidate = act(x_candidate + held_back)
        return (update * before + (1 - update) * candidate,)

    first = (first_state(h, projected, weights),)
    return _run(step, projected, first, mask, go_backwards, zero_output_for_mask)


@op("nn.lstm")
def lstm(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    c: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: ArrayLike | None,
    *,
    activation: str = "tanh",
    recurrent_activation: str = "sigmoid",
    go_backwards: bool = False,
    zero_output_for_mask: bool = False,
) -> tuple[Array, Array, Array]:
    """Outputs [B, T, U], the last output state [B, U] and the last cell state [B, U].

    x [B, T, F], kernel [F, 4U], recurrent_kernel [U, 4U] and bias [4U] for the gates input, forget,
    candidate and output. Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers,
    Schmidhuber and Cummins (2000).
    """
    projected = project(x, kernel, bias)
    weights, gate = jnp.asarray(recurrent_kernel), activation_of(recurrent_activation)
    act = activation_of(activation)

    def step(z: Array, states: States) -> States:
        output, cell = states
        total = z + recurrent_product(output, weights, recurrent_dropout, 4)
        enter, keep, candidate, leave = jnp.split(total, 4, axis=-1)
        cell = gate(keep) * cell + gate(enter) * act(candidate)
        return gate(leave) * act(cell), cell

    first = (first_state(h, projected, weights), first_state(c, projected, weights))
    return _run(step, projected, first, mask, go_backwards, zero_output_for_mask)


@op("nn.bidirectional")
def bidirectional(
    x: ArrayLike, mask: ArrayLike | None, *operands: ArrayLike | None, layer: str, **attrs: Any
) -> tuple[Array, ...]:
    """What a recurrent op gives forwards, then what another of its kind gives backwards in time.

    `layer` names the op without its family. The operands are, for one direction and then for the
    other, those of that op but for the inputs and the mask; `attrs` are common to both. The outputs
    of both are in the order of time. Source: Schuster and Paliwal (1997).
    """
    half = len(operands) // 2
    run = OPS[f"nn.{layer}"].reference
    given = [(*part[:-1], mask, part[-1]) for part in (operands[:half], operands[half:])]
    outputs, *states = run(x, *given[0], **attrs)
    reversed_outputs, *last = run(x, *given[1], **attrs, go_backwards=True)
    return (outputs, *states, jnp.flip(reversed_outputs, axis=1), *last)


def activation_of(name: str) -> Callable[[Array], Array]:
    """The reference function of an activation's op; "linear" has none."""
    if name == "linear":
        return lambda x: x
    return OPS[f"nn.{name}" if f"nn.{name}" in OPS else f"math.{name}"].reference


def project(x: ArrayLike, kernel: ArrayLike | None, bias: ArrayLike | None) -> Array:
    """`x @ kernel + bias` [B, T, G * U] for all steps at once."""
    array = jnp.asarray(x)
    product = array if kernel is None else jnp.matmul(array, jnp.asarray(kernel))
    return product if bias is None else product + jnp.asarray(bias)


def split_bias(bias: ArrayLike | None, reset_after: bool) -> tuple[Array | None, Array | None]:
    """The biases [3U] of a GRU's input product and of its recurrent one."""
    if bias is None:
        return None, None
    array = jnp.asarray(bias)
    return (array[0], array[1]) if reset_after else (array, None)


def first_state(state: ArrayLike | None, projected: Array, weights: Array) -> Array:
    """The state before the first step [B, U]."""
    if state is None:
        return jnp.zeros((projected.shape[0], weights.shape[0]), projected.dtype)
    return jnp.asarray(state).astype(projected.dtype)


def recurrent_product(
    state: Array,
    weights: Array,
    factors: ArrayLike | None,
    gates: int,
    taken: slice = slice(None),
) -> Array:
    """The state [B, U] times the columns of `taken` gates, each after its dropout if there is."""
    units = weights.shape[0]
    by_gate = weights.reshape(units, gates, units)[:, taken]  # [U, g, U]
    if factors is None:
        return state @ by_gate.reshape(units, -1)
    dropped = state[:, None] * jnp.asarray(factors)[:, taken]  # [B, g, U]
    return jnp.einsum("bgu,ugv->bgv", dropped, by_gate).reshape(state.shape[0], -1)


def _run(
    step: Step,
    projected: Array,
    first: States,
    mask: ArrayLike | None,
    go_backwards: bool,
    zero_output_for_mask: bool,
) -> tuple[Any, ...]:
    """Scan over time; return the outputs (the first states of all steps), then the last states."""
    inputs = jnp.swapaxes(projected, 0, 1)  # [T, B, G * U]
    kept = None if mask is None else jnp.swapaxes(jnp.asarray(mask).astype(bool), 0, 1)[..., None]

    def body(states: States, xs: tuple[Array, Array | None]) -> tuple[States, Array]:
        z, keep = xs
        new = step(z, states)
        if keep is None:
            return new, new[0]
        new = tuple(jnp.where(keep, a, b) for a, b in zip(new, states, strict=True))
        output = jnp.where(keep, new[0], 0) if zero_output_for_mask else new[0]
        return new, output

    last, outputs = lax.scan(body, first, (inputs, kept), reverse=go_backwards)
    outputs = jnp.swapaxes(outputs, 0, 1)  # [B, T, U]
    return (jnp.flip(outputs, axis=1) if go_backwards else outputs, *last)
