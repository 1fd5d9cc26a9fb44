"""Transposed convolution without zeros: a convolution for each phase of the strides.

Stretching the input by the strides multiplies the work by zeros. What falls on the positions of one
phase is an ordinary convolution with every `stride`-th number of the kernel, so one convolution
with as many times the channels computes all phases, and its channels are laid out in space.
Source: Shi et al., arXiv 1609.07009.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.fused.conv import conv_product_gradient
from graphc.kernels.fused.phases import interleave
from graphc.kernels.reference.convolution import Window, add_bias, per_axis, transpose_padding
from graphc.kernels.registry import Signature, Target, kernel


def _supports(signature: Signature, target: Target) -> str | None:
    x, weights = signature.inputs[:2]
    if target.platform != "cpu":
        return "pays on CPU only"
    if x is None or weights is None or weights.dtype != "float32":
        return "the kernel's dtype is not float32"
    attrs, rank = signature.attrs, x.ndim - 2
    steps = per_axis(attrs.get("strides", 1), rank)
    if max(steps) > 1 and max(per_axis(attrs.get("dilation_rate", 1), rank)) > 1:
        return "the kernel is both strided and dilated"
    return None


@kernel("nn.conv_transpose", tier="fused", supports=_supports)
def conv_transpose_phases(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    strides: Window = 1,
    padding: str = "valid",
    output_padding: Window | None = None,
    dilation_rate: Window = 1,
    data_format: str = "channels_last",
) -> Array:
    """Transposed convolution of rank 1 to 3; the kernel is [*window, O, I].

    Differentiable in reverse mode only.
    """
    weights = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(weights.dtype)
    array = array if data_format == "channels_last" else jnp.moveaxis(array, 1, -1)
    window = weights.shape[:-2]
    rank = len(window)
    steps, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    pads = transpose_padding(window, steps, padding, output_padding, dilation)
    axes = [
        _phases(*arguments)
        for arguments in zip(array.shape[1:-1], window, steps, pads, dilation, strict=True)
    ]
    padded = jnp.pad(array, ((0, 0), *(axis.padding for axis in axes), (0, 0)))
    apart = _convolve(padded, _by_phase(weights, steps), dilation)
    parts = apart.reshape(*apart.shape[:-1], math.prod(steps), -1)  # [B, *lengths, phases, O]
    whole = interleave(jnp.moveaxis(parts, -2, 0), steps)
    firsts = [axis.first for axis in axes]
    ends = [axis.first + axis.length for axis in axes]
    part = lax.slice(whole, (0, *firsts, 0), (len(whole), *ends, whole.shape[-1]))
    result = add_bias(part, bias, "channels_last")
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)


class _Phases(NamedTuple):
    """Where the output lies along one axis, among all positions of all phases."""

    padding: tuple[int, int]  # of the input
    first: int
    length: int


def _phases(length: int, size: int, step: int, pad: tuple[int, int], rate: int) -> _Phases:
    """The place of an output whose stretched input is padded by `pad`.

    Position `q * step + phase` of the whole result sums `x[q - a] * kernel[a * step + phase]`.
    """
    reach = (size - 1) * rate + 1
    outputs = (length - 1) * step + 1 + sum(pad) - reach + 1
    cut = reach - 1 - pad[0]  # of the whole result, at its beginning
    begin, end = cut // step, -(-(cut + outputs) // step)
    before = (reach - 1) // step - begin
    return _Phases((before, max(end - length, 0)), cut - begin * step, outputs)


def _by_phase(weights: Array, steps: tuple[int, ...]) -> Array:
    """[*window, O, I] to [*(window / steps), I, prod(steps) * O], last position first."""
    window, (outputs, inputs) = weights.shape[:-2], weights.shape[-2:]
    rank = len(steps)
    sizes = [-(-n // s) for n, s in zip(window, steps, strict=True)]
    missing = [(0, m * s - n) for n, m, s in zip(window, sizes, steps, strict=True)]
    padded = jnp.pad(weights, (*missing, (0, 0), (0, 0)))
    apart = padded.reshape(
        [n for pair in zip(sizes, steps, strict=True) for n in pair] + [outputs, inputs]
    )
    order = (*range(0, 2 * rank, 2), 2 * rank + 1, *range(1, 2 * rank, 2), 2 * rank)
    flipped = jnp.flip(apart.transpose(order), tuple(range(rank)))
    return flipped.reshape((*sizes, inputs, math.prod(steps) * outputs))


def _convolve(x: Array, weights: Array, dilation: tuple[int, ...]) -> Array:
    if math.prod(weights.shape[:-2]) > 1:
        return conv_product_gradient(x, weights, None, dilation_rate=dilation)
    flat = x.reshape(-1, x.shape[-1]) @ weights.reshape(weights.shape[-2:])
    return flat.reshape(*x.shape[:-1], -1)
