"""Depthwise and separable convolutions as shifted multiply-adds, forward and backward.

XLA's CPU backend computes a grouped convolution one number at a time. With the channels last, every
position of the window contributes its shifted image times one number for each channel: a loop over
contiguous memory that XLA vectorises and splits among the cores.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.fused.conv import Geometry, explicit_pads, shifted_inputs
from graphc.kernels.fused.phases import interleave
from graphc.kernels.reference.convolution import Window, add_bias, per_axis
from graphc.kernels.registry import Signature, Target, kernel

TAP_LIMIT = 128  # positions of a window up to which they are written out
# Into how many parts the filter's gradient cuts the batch, to add them up in one pass. XLA computes
# an operand anew in every loop that reads it, unless the loop reads it in more than 15 places.
FEWEST_PARTS, MOST_PARTS = 16, 32


def depthwise_support(signature: Signature, target: Target) -> str | None:
    """Why a depthwise convolution with these operands cannot be written out; None if it can."""
    weights = signature.inputs[1]
    if target.platform != "cpu":
        return "pays on CPU only"
    if weights is None or not weights.dtype.startswith(("float", "bfloat")):
        return "the kernel's dtype is not floating"
    if math.prod(weights.shape[:-2]) > TAP_LIMIT:
        return f"the window has more than {TAP_LIMIT} positions"
    return None


def _supports_separable(signature: Signature, target: Target) -> str | None:
    pointwise = signature.inputs[2]
    if pointwise is None or math.prod(pointwise.shape[:-2]) != 1:
        return "the pointwise kernel's window is larger than one element"
    return depthwise_support(signature, target)


@kernel("nn.depthwise_conv", tier="fused", supports=depthwise_support)
def depthwise_conv_shifts(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    strides: Window = 1,
    padding: str = "valid",
    dilation_rate: Window = 1,
    data_format: str = "channels_last",
) -> Array:
    """Convolution of each channel by itself, of rank 1 to 3; 16-bit floats are summed in float32.

    Differentiable in reverse mode only.
    """
    weights = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(weights.dtype)
    array = array if data_format == "channels_last" else jnp.moveaxis(array, 1, -1)
    result = _spread_and_filter(array, weights, bias, strides, padding, dilation_rate)
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)


@kernel("nn.separable_conv", tier="fused", supports=_supports_separable)
def separable_conv_shifts(
    x: ArrayLike,
    depthwise_kernel: ArrayLike,
    pointwise_kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    strides: Window = 1,
    padding: str = "valid",
    dilation_rate: Window = 1,
    data_format: str = "channels_last",
) -> Array:
    """A depthwise convolution and a matrix product over its channels.

    Differentiable in reverse mode only.
    """
    weights, mixing = jnp.asarray(depthwise_kernel), jnp.asarray(pointwise_kernel)
    array = jnp.asarray(x).astype(weights.dtype)
    array = array if data_format == "channels_last" else jnp.moveaxis(array, 1, -1)
    apart = _spread_and_filter(array, weights, None, strides, padding, dilation_rate)
    flat = apart.astype(mixing.dtype).reshape(-1, apart.shape[-1])  # [positions, I * multiplier]
    mixed = (flat @ mixing.reshape(mixing.shape[-2:])).reshape(*apart.shape[:-1], -1)
    result = add_bias(mixed, bias, "channels_last")
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)


def _spread_and_filter(
    x: Array,
    weights: Array,
    bias: ArrayLike | None,
    strides: Window,
    padding: str,
    dilation_rate: Window,
) -> Array:
    """The depthwise convolution of `x` [B, *lengths, I] with [*window, I, multiplier]."""
    *window, channels, multiplier = weights.shape
    rank = len(window)
    steps, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    pads = explicit_pads(padding, x.shape[1:-1], tuple(window), steps, dilation)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    repeated = jnp.repeat(x, multiplier, axis=-1).astype(wide)
    filters = weights.astype(wide).reshape((*window, channels * multiplier))
    shift = None if bias is None else jnp.asarray(bias).astype(wide)
    result: Array = _filter(repeated, filters, shift, (steps, pads, dilation))
    return result.astype(weights.dtype)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _filter(x: Array, weights: Array, bias: Array | None, geometry: Geometry) -> Array:
    """Each channel of `x` [B, *lengths, C] filtered by its own of `weights` [*window, C]."""
    window = weights.shape[:-1]
    seen = shifted_inputs(x, _out_lengths(x.shape[1:-1], window, geometry), window, geometry)
    result = _multiply_add(seen, list(weights.reshape(-1, weights.shape[-1])))
    return add_bias(result, bias, "channels_last")


def _out_lengths(
    lengths: tuple[int, ...], window: tuple[int, ...], geometry: Geometry
) -> tuple[int, ...]:
    axes = zip(lengths, window, *geometry, strict=True)
    return tuple((n + sum(pad) - (w - 1) * d - 1) // s + 1 for n, w, s, pad, d in axes)


def _multiply_add(images: list[Array], factors: list[Array]) -> Array:
    total = images[0] * factors[0]
    for image, factor in zip(images[1:], factors[1:], strict=True):
        total = total + image * factor
    return total


Residuals = tuple[Array, Array, Array | None]


def _forward(
    x: Array, weights: Array, bias: Array | None, geometry: Geometry
) -> tuple[Array, Residuals]:
    return _filter(x, weights, bias, geometry), (x, weights, bias)


def _backward(
    geometry: Geometry, residuals: Residuals, cotangent: Array
) -> tuple[Array, Array, Array | None]:
    x, weights, bias = residuals
    images = shifted_inputs(x, cotangent.shape[1:-1], weights.shape[:-1], geometry)
    sums = [_channel_sums(cotangent, image) for image in images]
    return (
        _input_gradient(cotangent, weights, x.shape[1:-1], geometry),
        jnp.stack(sums).reshape(weights.shape),
        None if bias is None else _channel_sums(cotangent),
    )


def _input_gradient(
    cotangent: Array, weights: Array, lengths: tuple[int, ...], geometry: Geometry
) -> Array:
    """The transpose of the filter: [B, *lengths, C], a sum for each phase of the strides."""
    window, steps = weights.shape[:-1], geometry[0]
    found = zip(lengths, cotangent.shape[1:-1], window, *geometry, strict=True)
    axes = [_seen_from(*arguments) for arguments in found]
    padded = jnp.pad(cotangent, ((0, 0), *(axis.padding for axis in axes), (0, 0)))
    batch, channels = padded.shape[0], padded.shape[-1]
    counts = [axis.quotients for axis in axes]
    phases: dict[tuple[int, ...], tuple[list[Array], list[Array]]] = {
        phase: ([], []) for phase in product(*(range(s) for s in steps))
    }
    for taps in product(*(range(w) for w in window)):
        starts = [axis.starts[tap] for axis, tap in zip(axes, taps, strict=True)]
        stops = [start + count for start, count in zip(starts, counts, strict=True)]
        phase = tuple(axis.phases[tap] for axis, tap in zip(axes, taps, strict=True))
        images, factors = phases[phase]
        images.append(lax.slice(padded, (0, *starts, 0), (batch, *stops, channels)))
        factors.append(weights[taps])
    nothing = jnp.zeros((batch, *counts, channels), padded.dtype)  # no offset leaves this rest
    parts = [_multiply_add(*pair) if pair[0] else nothing for pair in phases.values()]
    whole = interleave(jnp.stack(parts), steps)
    firsts = [axis.first for axis in axes]
    lasts = [first + n for first, n in zip(firsts, lengths, strict=True)]
    return lax.slice(whole, (0, *firsts, 0), (batch, *lasts, channels))


class _Seen(NamedTuple):
    """Which outputs saw the inputs along one axis.

    The padded position `q * step + phase` was seen at the window's offsets that leave the rest
    `phase`, by the outputs `q - offset // step`.
    """

    padding: tuple[int, int]  # of the outputs
    quotients: int  # how many `q` there are
    first: int  # where the input begins in `quotients * step` positions
    starts: tuple[int, ...]  # of the slice of outputs, for each position of the window
    phases: tuple[int, ...]


def _seen_from(
    length: int, outputs: int, size: int, step: int, pad: tuple[int, int], rate: int
) -> _Seen:
    offsets = [tap * rate for tap in range(size)]
    begin, end = pad[0] // step, -(-(pad[0] + length) // step)
    before = max(offsets[-1] // step - begin, 0)
    return _Seen(
        (before, max(end - outputs, 0)),
        end - begin,
        pad[0] - begin * step,
        tuple(begin + before - offset // step for offset in offsets),
        tuple(offset % step for offset in offsets),
    )


def _channel_sums(cotangent: Array, image: Array | None = None) -> Array:
    """The sums of the cotangent, times what one position of the window sees, by channel: [C].

    Parts of the batch are added while they are multiplied, which leaves little to sum. The rest is
    a product with ones, because XLA would write out the image before a reduction of its own.
    """
    rows = len(cotangent)
    counts = [count for count in range(1, MOST_PARTS + 1) if rows % count == 0]
    count = next((c for c in counts if c >= FEWEST_PARTS), counts[-1])
    parts = jnp.split(cotangent, count)
    if image is None:
        total = sum(parts[1:], start=parts[0])
    else:
        total = _multiply_add(jnp.split(image, count), parts)
    flat = total.reshape(-1, total.shape[-1])
    return jnp.ones(len(flat), flat.dtype) @ flat


_filter.defvjp(_forward, _backward)
