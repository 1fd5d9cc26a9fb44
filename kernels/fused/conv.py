"""Convolution whose gradients are plain convolutions, or matrix products.

XLA's CPU backend calls its library only for convolutions with the batch first, the channels last
and a kernel [*window, I, O]. It brings others to that form, but not inside the body of a loop:
there both gradients, as JAX derives them, are naive loops. So they are written in that form here.
The filter's gradient is one with a huge window: slow for few input channels, small batches and
strides, where products are faster. The forward pass stays XLA's, but for a single input channel,
where it is a few fused multiply-adds, and for few output channels, where all is one product and
shifted sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.fused.fence import written_out
from graphc.kernels.reference.convolution import (
    Window,
    add_bias,
    dimension_numbers,
    explicit_padding,
    per_axis,
)
from graphc.kernels.registry import Signature, Target, kernel

Pads = tuple[tuple[int, int], ...]
Steps = tuple[int, ...]
Geometry = tuple[Steps, Pads, Steps]  # strides, explicit padding, dilation

PATCH_LIMIT = 64  # window size times input channels up to which patches are laid out in full
FEW_LIMIT = 128  # window size times output channels up to which a pixel gives to all at once
FEWEST_ROWS = 8  # examples in a batch from which they can take the place of channels


def filter_gradient_method(
    window: tuple[int, ...], channels: int, batch: int, steps: tuple[int, ...]
) -> str:
    """How the filter gradient is computed.

    - "exchange": a convolution in which examples and channels have exchanged their places;
    - "patches": few channels make thin products, so patches (im2col) are laid out for one product;
    - "positions": one product for each position in the window, without laying anything out.
    """
    wide = math.prod(window) > 1 and channels > 1
    if wide and batch >= FEWEST_ROWS and max(steps) == 1:
        return "exchange"
    return "patches" if math.prod(window) * channels <= PATCH_LIMIT else "positions"


def has_few_outputs(shape: tuple[int, ...]) -> bool:
    """Whether a kernel [*window, I, O] makes fewer numbers of a pixel than there are in it."""
    *window, inputs, outputs = shape
    return outputs < inputs and math.prod(window) * outputs <= FEW_LIMIT


def _supports(signature: Signature, target: Target) -> str | None:
    x, weights = signature.inputs[:2]
    attrs = signature.attrs
    if target.platform != "cpu":
        return "pays on CPU only"
    if x is None or weights is None or weights.dtype != "float32":
        return "the kernel's dtype is not float32"
    if attrs.get("data_format", "channels_last") != "channels_last":
        return "the data format is not channels_last"
    if attrs.get("groups", 1) != 1:
        return "the convolution is grouped"
    return None


@kernel("nn.conv", tier="fused", supports=_supports)
def conv_product_gradient(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    strides: Window = 1,
    padding: str = "valid",
    dilation_rate: Window = 1,
    groups: int = 1,
    data_format: str = "channels_last",
) -> Array:
    """Convolution of rank 1 to 3, channels last and ungrouped: [B, *window, I] to [B, *window, O].

    Differentiable in reverse mode only.
    """
    del groups
    weights = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(weights.dtype)
    rank = array.ndim - 2
    steps, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    pads = explicit_pads(padding, array.shape[1:-1], weights.shape[:rank], steps, dilation)
    offset = None if bias is None else jnp.asarray(bias)
    if max(steps) == 1 and has_few_outputs(weights.shape):
        result = _product_and_shifts(array, weights, pads, dilation)
        return add_bias(result, offset, "channels_last")
    return _conv(array, weights, offset, (steps, pads, dilation))


def explicit_pads(
    padding: str, shape: tuple[int, ...], window: tuple[int, ...], steps: Steps, dilation: Steps
) -> Pads:
    """The padding before and after each spatial axis, of the lengths `shape`."""
    pads = explicit_padding(padding, window, dilation)
    if isinstance(pads, str):
        reach = [(n - 1) * d + 1 for n, d in zip(window, dilation, strict=True)]
        pads = lax.padtype_to_pads(shape, reach, steps, pads)
    return tuple((int(before), int(after)) for before, after in pads)


def _plain_conv(x: Array, weights: Array, geometry: Geometry) -> Array:
    steps, pads, dilation = geometry
    return lax.conv_general_dilated(
        x,
        weights,
        steps,
        pads,
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(x.ndim - 2, "channels_last"),
    )


def _product_and_shifts(x: Array, weights: Array, pads: Pads, dilation: Steps) -> Array:
    """The convolution of stride 1: what each pixel gives to each position, moved there, summed.

    Its derivatives, by x and by the kernel, are again one product each with few columns.
    """
    *window, inputs, outputs = weights.shape
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    columns = jnp.moveaxis(weights, -2, 0).reshape(inputs, -1)  # [I, positions * O]
    given = (padded.reshape(-1, inputs) @ columns).reshape(*padded.shape[:-1], -1)
    reach = [(n - 1) * d for n, d in zip(window, dilation, strict=True)]
    out = [n - r for n, r in zip(padded.shape[1:-1], reach, strict=True)]
    parts: list[Array] = []
    for number, offsets in enumerate(product(*(range(n) for n in window))):
        starts = [o * d for o, d in zip(offsets, dilation, strict=True)]
        stops = [a + n for a, n in zip(starts, out, strict=True)]
        first = number * outputs
        begin, end = (0, *starts, first), (len(x), *stops, first + outputs)
        parts.append(lax.slice(given, begin, end))
    return sum(parts[1:], parts[0])


def _multiply_adds(x: Array, weights: Array, geometry: Geometry) -> Array:
    """The convolution of one channel: shifted images times the kernel's numbers, summed."""
    window = weights.shape[:-2]
    out = jax.eval_shape(partial(_plain_conv, geometry=geometry), x, weights).shape[1:-1]
    flat = weights.reshape(-1, weights.shape[-1])  # [positions, O]
    seen = shifted_inputs(x, out, window, geometry)
    total = seen[0] * flat[0]
    for values, row in zip(seen[1:], flat[1:], strict=True):
        total = total + values * row
    return total


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _conv(x: Array, weights: Array, bias: Array | None, geometry: Geometry) -> Array:
    few = weights.shape[-2] == 1 and math.prod(weights.shape[:-2]) <= PATCH_LIMIT
    result = (_multiply_adds if few else _plain_conv)(x, weights, geometry)
    return add_bias(result, bias, "channels_last")


Residuals = tuple[Array, Array, Array | None]


def _forward(
    x: Array, weights: Array, bias: Array | None, geometry: Geometry
) -> tuple[Array, Residuals]:
    x = written_out(x)  # the filter's gradient reads it once more, in another order
    return _conv(x, weights, bias, geometry), (x, weights, bias)


def _backward(
    geometry: Geometry, residuals: Residuals, cotangent: Array
) -> tuple[Array, Array, Array | None]:
    x, weights, bias = residuals
    cotangent = written_out(cotangent)
    window, channels = weights.shape[:-2], weights.shape[-2]
    method = filter_gradient_method(window, channels, len(x), geometry[0])
    gradient = _METHODS[method](x, cotangent, window, geometry).reshape(weights.shape)
    # The bias's as a product too: XLA would form the cotangent once more for a sum over 4 axes.
    flat = cotangent.reshape(-1, cotangent.shape[-1])
    shift = None if bias is None else (jnp.ones(len(flat), flat.dtype) @ flat).astype(bias.dtype)
    given = _input_gradient(cotangent, weights, x.shape[1:-1], geometry)
    return given, gradient.astype(weights.dtype), shift


def _input_gradient(
    cotangent: Array, weights: Array, lengths: tuple[int, ...], geometry: Geometry
) -> Array:
    """The cotangent, stretched by the strides, convolved with the kernel turned around."""
    steps, pads, dilation = geometry
    rank = len(lengths)
    turned = jnp.flip(weights, tuple(range(rank))).swapaxes(-1, -2)
    around: list[tuple[int, int]] = []
    axes = (lengths, cotangent.shape[1:-1], weights.shape[:-2], steps, pads, dilation)
    for length, outputs, size, step, (before, _), rate in zip(*axes, strict=True):
        reach = (size - 1) * rate
        stretched = (outputs - 1) * step + 1
        around.append((reach - before, length - stretched + before))
    return lax.conv_general_dilated(
        cotangent,
        turned,
        (1,) * rank,
        around,
        lhs_dilation=steps,
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(rank, "channels_last"),
    )


def shifted_inputs(
    x: Array, out: tuple[int, ...], window: tuple[int, ...], geometry: Geometry
) -> list[Array]:
    """What each position of the window sees: one strided slice [B, *out, I] of the padded input."""
    steps, pads, dilation = geometry
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    slices: list[Array] = []
    for offsets in product(*(range(n) for n in window)):
        starts = [o * d for o, d in zip(offsets, dilation, strict=True)]
        stops = [a + (n - 1) * s + 1 for a, n, s in zip(starts, out, steps, strict=True)]
        begin, end = (0, *starts, 0), (x.shape[0], *stops, x.shape[-1])
        slices.append(lax.slice(padded, begin, end, (1, *steps, 1)))
    return slices


def _from_slices(slices: list[Array], flat: Array) -> Array:
    """One product for each slice [B, *out, n] with the flat cotangent: [slices * n, O]."""
    products = [values.reshape(-1, values.shape[-1]).T @ flat for values in slices]
    return jnp.concatenate(products)


def _from_positions(
    x: Array, cotangent: Array, window: tuple[int, ...], geometry: Geometry
) -> Array:
    seen = shifted_inputs(x, cotangent.shape[1:-1], window, geometry)
    return _from_slices(seen, cotangent.reshape(-1, cotangent.shape[-1]))


def _from_patches(x: Array, cotangent: Array, window: tuple[int, ...], geometry: Geometry) -> Array:
    seen = shifted_inputs(x, cotangent.shape[1:-1], window, geometry)
    patches = jnp.concatenate(seen, axis=-1)
    return _from_slices([patches], cotangent.reshape(-1, cotangent.shape[-1]))


def _from_exchange(
    x: Array, cotangent: Array, window: tuple[int, ...], geometry: Geometry
) -> Array:
    """The input [I, *lengths, B] convolved with the cotangent [*out, B, O], for steps of 1."""
    del window
    rank = x.ndim - 2
    _, pads, dilation = geometry
    result = lax.conv_general_dilated(
        jnp.swapaxes(x, 0, -1),
        jnp.moveaxis(cotangent, 0, -2),
        dilation,
        pads,
        dimension_numbers=dimension_numbers(rank, "channels_last"),
    )
    return jnp.moveaxis(result, 0, -2)  # [*window, I, O]


_METHODS: dict[str, Callable[[Array, Array, tuple[int, ...], Geometry], Array]] = {
    "exchange": _from_exchange,
    "patches": _from_patches,
    "positions": _from_positions,
}

_conv.defvjp(_forward, _backward)
