"""Convolutions in a few groups, or with the channels first, in terms of plain ones."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.fused.conv import conv_product_gradient
from graphc.kernels.fused.depthwise import depthwise_conv_shifts, depthwise_support
from graphc.kernels.reference.convolution import Window, add_bias, channel_axis
from graphc.kernels.registry import Signature, Target, TensorSpec, kernel

GROUP_LIMIT = 8  # groups up to which each gets a convolution of its own


def _supports(signature: Signature, target: Target) -> str | None:
    x, weights = signature.inputs[:2]
    groups = signature.attrs.get("groups", 1)
    data_format = signature.attrs.get("data_format", "channels_last")
    if target.platform != "cpu":
        return "pays on CPU only"
    if x is None or weights is None or weights.dtype != "float32":
        return "the kernel's dtype is not float32"
    if groups == 1 and data_format == "channels_last":
        return "the convolution is a plain one"
    depth, filters = weights.shape[-2:]
    if x.shape[channel_axis(data_format)] != depth * groups or filters % groups:
        return "the channels do not match the groups"
    if groups > 1 and depth == 1:
        as_depthwise = TensorSpec((*weights.shape[:-2], groups, filters // groups), weights.dtype)
        return depthwise_support(Signature((x, as_depthwise), signature.attrs), target)
    return None if groups <= GROUP_LIMIT else f"there are more than {GROUP_LIMIT} groups"


@kernel("nn.conv", tier="fused", supports=_supports)
def conv_by_groups(
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
    """Convolution of rank 1 to 3: depthwise, or one plain convolution for each group.

    Differentiable in reverse mode only.
    """
    weights = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(weights.dtype)
    array = array if data_format == "channels_last" else jnp.moveaxis(array, 1, -1)
    setting = {"strides": strides, "padding": padding, "dilation_rate": dilation_rate}
    if groups == 1:
        result = conv_product_gradient(array, weights, bias, **setting)
    elif weights.shape[-2] == 1:
        apart = weights.reshape((*weights.shape[:-2], groups, weights.shape[-1] // groups))
        result = depthwise_conv_shifts(array, apart, bias, **setting)
    else:
        parts = zip(*(jnp.split(part, groups, axis=-1) for part in (array, weights)), strict=True)
        results = [conv_product_gradient(*pair, None, **setting) for pair in parts]
        result = add_bias(jnp.concatenate(results, axis=-1), bias, "channels_last")
    return result if data_format == "channels_last" else jnp.moveaxis(result, -1, 1)
