"""Convolution whose gradients are written as matrix products.

XLA's CPU backend computes the filter's gradient as a convolution with a huge window: slow for few
input channels and 1x1 kernels, and a naive loop inside the body of a scan. The input's gradient is
one product, whose parts are added where they came from. The forward pass stays XLA's, but for a
single input channel, where it is a few fused multiply-adds.
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

SPREAD_BYTES_LIMIT = 64 << 20  # of the product that the input's gradient is added up from
PATCH_ROWS_LIMIT = 64  # window size times input channels up to which patches are laid out in full


def filter_gradient_method(window: tuple[int, ...], channels: int) -> str:
    """How the filter gradient is computed, from the kernel's window and input channels.

    - "pointwise": the window is 1x1, so it is one product of the input with the cotangent;
    - "patches": few channels make thin products, so patches (im2col) are laid out for one product;
    - "positions": one product for each position in the window, without laying out patches.
    """
    if math.prod(window) == 1:
        return "pointwise"
    if math.prod(window) * channels <= PATCH_ROWS_LIMIT:
        return "patches"
    return "positions"


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
    pads = _explicit_pads(padding, array.shape[1:-1], weights.shape[:rank], steps, dilation)
    return add_bias(_conv(array, weights, (steps, pads, dilation)), bias, data_format)


def _explicit_pads(
    padding: str, shape: tuple[int, ...], window: tuple[int, ...], steps: Steps, dilation: Steps
) -> Pads:
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


def _multiply_adds(x: Array, weights: Array, geometry: Geometry) -> Array:
    """The convolution of one channel: shifted images times the kernel's numbers, summed."""
    window = weights.shape[:-2]
    out = jax.eval_shape(partial(_plain_conv, geometry=geometry), x, weights).shape[1:-1]
    flat = weights.reshape(-1, weights.shape[-1])  # [positions, O]
    seen = _shifted_inputs(x, out, window, geometry)
    total = seen[0] * flat[0]
    for values, row in zip(seen[1:], flat[1:], strict=True):
        total = total + values * row
    return total


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x: Array, weights: Array, geometry: Geometry) -> Array:
    few = weights.shape[-2] == 1 and math.prod(weights.shape[:-2]) <= PATCH_ROWS_LIMIT
    return (_multiply_adds if few else _plain_conv)(x, weights, geometry)


def _forward(x: Array, weights: Array, geometry: Geometry) -> tuple[Array, tuple[Array, Array]]:
    return _conv(x, weights, geometry), (x, weights)


def _backward(
    geometry: Geometry, residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array]:
    x, weights = residuals
    method = filter_gradient_method(weights.shape[:-2], weights.shape[-2])
    gradient = _METHODS[method](x, cotangent, weights.shape, geometry)
    return _input_gradient(x, weights, cotangent, geometry), gradient.astype(weights.dtype)


def _input_gradient(x: Array, weights: Array, cotangent: Array, geometry: Geometry) -> Array:
    steps, pads, dilation = geometry
    window, channels = weights.shape[:-2], weights.shape[-2]
    spread = cotangent.size // cotangent.shape[-1] * math.prod(window) * channels * 4
    if any(step != 1 for step in steps) or spread > SPREAD_BYTES_LIMIT:
        pull = jax.linear_transpose(partial(_plain_conv, weights=weights, geometry=geometry), x)
        return pull(cotangent)[0]
    parts = cotangent @ weights.reshape(-1, weights.shape[-1]).T  # [B, *out, positions * I]
    sizes = [n + before + after for n, (before, after) in zip(x.shape[1:-1], pads, strict=True)]
    total = jnp.zeros((), cotangent.dtype)
    for index, offsets in enumerate(product(*(range(n) for n in window))):
        part = parts[..., index * channels : (index + 1) * channels]
        starts = [o * d for o, d in zip(offsets, dilation, strict=True)]
        rest = [p - n - s for p, n, s in zip(sizes, part.shape[1:-1], starts, strict=True)]
        total = total + jnp.pad(part, ((0, 0), *zip(starts, rest, strict=True), (0, 0)))
    crop = [slice(b, b + n) for (b, _), n in zip(pads, x.shape[1:-1], strict=True)]
    return total[(slice(None), *crop)].astype(x.dtype)


def _shifted_inputs(
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


def _product(x: Array, cotangent: Array) -> Array:
    """Contract all but the channels: [B, *out, I] and [B, *out, O] to [I, O]."""
    return x.reshape(-1, x.shape[-1]).T @ cotangent.reshape(-1, cotangent.shape[-1])


def _from_positions(
    x: Array, cotangent: Array, shape: tuple[int, ...], geometry: Geometry
) -> Array:
    seen = _shifted_inputs(x, cotangent.shape[1:-1], shape[:-2], geometry)
    return jnp.stack([_product(values, cotangent) for values in seen]).reshape(shape)


def _from_patches(x: Array, cotangent: Array, shape: tuple[int, ...], geometry: Geometry) -> Array:
    seen = _shifted_inputs(x, cotangent.shape[1:-1], shape[:-2], geometry)
    return _product(jnp.concatenate(seen, axis=-1), cotangent).reshape(shape)


_METHODS: dict[str, Callable[[Array, Array, tuple[int, ...], Geometry], Array]] = {
    "pointwise": _from_positions,
    "patches": _from_patches,
    "positions": _from_positions,
}

_conv.defvjp(_forward, _backward)
