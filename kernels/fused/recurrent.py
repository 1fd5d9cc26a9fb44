"""Recurrent layers with the usual activations: one product, one loop, products after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.fused.recurrent_cells import GRU, LSTM, Cell, SimpleRNN
from graphc.kernels.fused.recurrent_loop import Chain, run
from graphc.kernels.reference.recurrent import first_state, split_bias
from graphc.kernels.registry import Signature, Supports, Target, TensorSpec, kernel

CELLS: dict[str, Cell] = {"simple_rnn": SimpleRNN(), "gru": GRU(), "lstm": LSTM()}
USUAL = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}


def _problem(
    x: TensorSpec | None, operands: Sequence[TensorSpec | None], attrs: Any, target: Target
) -> str | None:
    """Why the loop cannot run; `operands` are without the mask, the recurrent dropout last."""
    unusual = [name for name, value in USUAL.items() if attrs.get(name, value) != value]
    if unusual:
        return f"{unusual[0]}={attrs[unusual[0]]!r} is unusual: its derivative is not written out"
    if operands[-1] is not None:
        return "recurrent dropout feeds every gate another state"
    if x is None or x.shape[1] == 0:
        return "there are no steps"
    if any(
        spec is not None and spec.dtype not in ("float32", "float64") for spec in (x, *operands)
    ):
        return "a dtype is not float32 or float64"
    return None


def _supports(place_of_mask: int) -> Supports:
    def supports(signature: Signature, target: Target) -> str | None:
        x, *rest = signature.inputs
        del rest[place_of_mask - 1]
        return _problem(x, rest, signature.attrs, target)

    return supports


def _supports_both(signature: Signature, target: Target) -> str | None:
    x, _, *operands = signature.inputs
    half = len(operands) // 2
    first = _problem(x, operands[:half], signature.attrs, target)
    return first or _problem(x, operands[half:], signature.attrs, target)


@kernel("nn.simple_rnn", tier="fused", supports=_supports(place_of_mask=5))
def simple_rnn_loop(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: None,
    **attrs: Any,
) -> tuple[Array, ...]:
    """`nn.simple_rnn` without recurrent dropout."""
    return _one_way("simple_rnn", x, (kernel, recurrent_kernel, bias, h), mask, **attrs)


@kernel("nn.gru", tier="fused", supports=_supports(place_of_mask=5))
def gru_loop(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: None,
    **attrs: Any,
) -> tuple[Array, ...]:
    """`nn.gru` with the reset gate after the product, without recurrent dropout."""
    return _one_way("gru", x, (kernel, recurrent_kernel, bias, h), mask, **attrs)


@kernel("nn.lstm", tier="fused", supports=_supports(place_of_mask=6))
def lstm_loop(
    x: ArrayLike,
    kernel: ArrayLike | None,
    recurrent_kernel: ArrayLike,
    bias: ArrayLike | None,
    h: ArrayLike | None,
    c: ArrayLike | None,
    mask: ArrayLike | None,
    recurrent_dropout: None,
    **attrs: Any,
) -> tuple[Array, ...]:
    """`nn.lstm` without recurrent dropout."""
    return _one_way("lstm", x, (kernel, recurrent_kernel, bias, h, c), mask, **attrs)


@kernel("nn.bidirectional", tier="fused", supports=_supports_both)
def bidirectional_loop(
    x: ArrayLike, mask: ArrayLike | None, *operands: ArrayLike | None, layer: str, **attrs: Any
) -> tuple[Array, ...]:
    """Both directions in one loop, without recurrent dropout."""
    half = len(operands) // 2
    parts = (operands[: half - 1], operands[half:-1])
    chains = tuple(_chain(layer, jnp.asarray(x), *part) for part in parts)
    results = run(CELLS[layer], (False, True), _by_time(mask), chains)
    return tuple(a for found in results for a in _finished(found, mask, False, **attrs))


def _one_way(
    layer: str,
    x: ArrayLike,
    operands: Sequence[ArrayLike | None],
    mask: ArrayLike | None,
    go_backwards: bool = False,
    **attrs: Any,
) -> tuple[Array, ...]:
    chain = _chain(layer, jnp.asarray(x), *operands)
    (found,) = run(CELLS[layer], (go_backwards,), _by_time(mask), (chain,))
    return _finished(found, mask, go_backwards, **attrs)


def _chain(
    layer: str, x: Array, kernel: Any, recurrent_kernel: Any, bias: Any, *states: Any
) -> Chain:
    """The operands of a chain, with the inputs of all steps projected by one product."""
    weights = jnp.asarray(recurrent_kernel)
    units, shift = weights.shape[0], None
    if layer == "gru" and bias is not None:
        bias, recurrent_bias = (jnp.asarray(part) for part in split_bias(bias, True))
        bias = bias + recurrent_bias.at[2 * units :].set(0)
        shift = recurrent_bias[2 * units :]
    inputs = jnp.swapaxes(x, 0, 1)
    if kernel is not None:
        # A product of matrices: its gradient by the kernel is one, too, with nothing transposed.
        flat = inputs.reshape(-1, x.shape[2]) @ jnp.asarray(kernel)
        inputs = flat.reshape(*inputs.shape[:2], -1)
    first = tuple(first_state(state, inputs[0], weights) for state in states)
    return Chain(inputs, weights, None if bias is None else jnp.asarray(bias), shift, first)


def _by_time(mask: ArrayLike | None) -> Array | None:
    return None if mask is None else jnp.asarray(mask).astype(bool).T


def _finished(
    found: tuple[Array, ...],
    mask: ArrayLike | None,
    go_backwards: bool,
    zero_output_for_mask: bool = False,
    **usual: Any,
) -> tuple[Array, ...]:
    """The results of a chain as the op returns them."""
    outputs, *states = found
    outputs = jnp.swapaxes(outputs, 0, 1)
    if mask is not None and zero_output_for_mask:
        outputs = jnp.where(jnp.asarray(mask).astype(bool)[..., None], outputs, 0)
    return (jnp.flip(outputs, axis=1) if go_backwards else outputs, *states)
