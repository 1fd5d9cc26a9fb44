"""Convolution whose filter gradient is written as matrix products.

XLA's CPU backend computes that gradient as a convolution with a huge window: slow for few input
channels and 1x1 kernels, and a naive loop inside the body of a scan. The forward pass and the
input's gradient stay XLA's.
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


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _conv(x: Array, weights: Array, geometry: Geometry) -> Array:
    return _plain_conv(x, weights, geometry)


def _forward(x: Array, weights: Array, geometry: Geometry) -> tuple[Array, tuple[Array, Array]]:
    return _plain_conv(x, weights, geometry), (x, weights)


def _backward(
    geometry: Geometry, residuals: tuple[Array, Array], cotangent: Array
) -> tuple[Array, Array]:
    x, weights = residuals
    pull = jax.linear_transpose(partial(_plain_conv, weights=weights, geometry=geometry), x)
    method = filter_gradient_method(weights.shape[:-2], weights.shape[-2])
    gradient = _METHODS[method](x, cotangent, weights.shape, geometry)
    return pull(cotangent)[0], gradient.astype(weights.dtype)


def _shifted_inputs(
    x: Array, cotangent: Array, window: tuple[int, ...], geometry: Geometry
) -> list[Array]:
    """What each position of the window sees: one strided slice [B, *out, I] of the padded input."""
    steps, pads, dilation = geometry
    padded = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    out = cotangent.shape[1:-1]
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
    seen = _shifted_inputs(x, cotangent, shape[:-2], geometry)
    return jnp.stack([_product(values, cotangent) for values in seen]).reshape(shape)


def _from_patches(x: Array, cotangent: Array, shape: tuple[int, ...], geometry: Geometry) -> Array:
    seen = _shifted_inputs(x, cotangent, shape[:-2], geometry)
    return _product(jnp.concatenate(seen, axis=-1), cotangent).reshape(shape)


_METHODS: dict[str, Callable[[Array, Array, tuple[int, ...], Geometry], Array]] = {
    "pointwise": _from_positions,
    "patches": _from_patches,
    "positions": _from_positions,
}

_conv.defvjp(_forward, _backward)
