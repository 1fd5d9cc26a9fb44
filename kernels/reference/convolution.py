"""Dense layers and convolutions: `nn.dense`, `nn.conv` and its kin.

Kernels have Keras's layout, [*window, channels in / groups, channels out]. Window attributes are
an int or a tuple with one int for each spatial axis.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.linalg import matmul
from graphc.kernels.registry import op

Window = int | tuple[int, ...]


@op("nn.dense")
def dense(x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None) -> Array:
    """`x @ kernel + bias` over the last axis: [..., I] and [I, O] to [..., O]."""
    product = matmul(x, kernel)
    return product if bias is None else product + jnp.asarray(bias)


@op("nn.conv")
def conv(
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
    """Convolution of rank 1 to 3: [B, *window, I] to [B, *window, O]; "causal" pads the past only.

    Raises:
        ValueError: the channels do not match, or the result would be empty.
    """
    kernel = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(kernel.dtype)
    rank = array.ndim - 2
    _check_channels(array, kernel, groups, data_format)
    result = lax.conv_general_dilated(
        array,
        kernel,
        per_axis(strides, rank),
        explicit_padding(padding, kernel.shape[:rank], per_axis(dilation_rate, rank)),
        rhs_dilation=per_axis(dilation_rate, rank),
        dimension_numbers=dimension_numbers(rank, data_format),
        feature_group_count=groups,
    )
    if result.size == 0 and array.size != 0:
        raise ValueError(
            "The convolution has an empty output: the input is too small for the kernel, strides, "
            f"dilation and padding. Received: input shape {array.shape}, "
            f"kernel shape {kernel.shape}, strides={strides}, padding={padding!r}, "
            f"dilation_rate={dilation_rate}"
        )
    return add_bias(result, bias, data_format)


def per_axis(value: Window, rank: int) -> tuple[int, ...]:
    """`value` as one int for each of `rank` spatial axes."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def explicit_padding(
    padding: str, window: tuple[int, ...], dilation: tuple[int, ...]
) -> str | list[tuple[int, int]]:
    """The padding in a form that XLA knows: "causal" puts all of it before the first element."""
    if padding != "causal":
        return padding.upper()
    return [((size - 1) * step, 0) for size, step in zip(window, dilation, strict=True)]


def dimension_numbers(rank: int, data_format: str) -> lax.ConvDimensionNumbers:
    """XLA's description of Keras's layout for `rank` spatial axes."""
    spatial = tuple(range(rank))
    kernel = (rank + 1, rank, *spatial)
    if data_format == "channels_last":
        image = (0, rank + 1, *(axis + 1 for axis in spatial))
    else:
        image = (0, 1, *(axis + 2 for axis in spatial))
    return lax.ConvDimensionNumbers(lhs_spec=image, rhs_spec=kernel, out_spec=image)


def channel_axis(data_format: str) -> int:
    """The axis that holds the channels."""
    return -1 if data_format == "channels_last" else 1


def add_bias(x: Array, bias: ArrayLike | None, data_format: str) -> Array:
    """`x` plus `bias` [C] along its channel axis."""
    if bias is None:
        return x
    values = jnp.asarray(bias)
    if data_format == "channels_last":
        return x + values
    return x + values.reshape((-1,) + (1,) * (x.ndim - 2))


def _check_channels(x: Array, kernel: Array, groups: int, data_format: str) -> None:
    channels = x.shape[channel_axis(data_format)]
    if channels == kernel.shape[-2] * groups and kernel.shape[-1] % groups == 0:
        return
    raise ValueError(
        "The input's channels must equal the kernel's times `groups`, which must divide the "
        f"output channels. Received: {channels} input channels, kernel shape {kernel.shape}, "
        f"groups={groups}"
    )


@op("nn.depthwise_conv")
def depthwise_conv(
    x: ArrayLike,
    kernel: ArrayLike,
    bias: ArrayLike | None,
    *,
    strides: Window = 1,
    padding: str = "valid",
    dilation_rate: Window = 1,
    data_format: str = "channels_last",
) -> Array:
    """Convolution of each channel by itself; the kernel is [*window, I, multiplier]."""
    kernel = jnp.asarray(kernel)
    *window, channels, multiplier = kernel.shape
    return conv(
        x,
        kernel.reshape((*window, 1, channels * multiplier)),
        bias,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=channels,
        data_format=data_format,
    )


@op("nn.separable_conv")
def separable_conv(
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
    """A depthwise convolution followed by a pointwise one, [1, ..., I * multiplier, O]."""
    mixed = depthwise_conv(
        x,
        depthwise_kernel,
        None,
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        data_format=data_format,
    )
    return conv(mixed, pointwise_kernel, bias, data_format=data_format)


@op("nn.conv_transpose")
def conv_transpose(
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
    """The transpose of a convolution; the kernel is [*window, O, I]."""
    kernel = jnp.asarray(kernel)
    array = jnp.asarray(x).astype(kernel.dtype)
    rank = array.ndim - 2
    steps, dilation = per_axis(strides, rank), per_axis(dilation_rate, rank)
    result = lax.conv_transpose(
        array,
        kernel,
        steps,
        transpose_padding(kernel.shape[:rank], steps, padding, output_padding, dilation),
        rhs_dilation=dilation,
        dimension_numbers=dimension_numbers(rank, data_format),
        transpose_kernel=True,
    )
    return add_bias(result, bias, data_format)


def transpose_padding(
    window: tuple[int, ...],
    steps: tuple[int, ...],
    padding: str,
    output_padding: Window | None,
    dilation: tuple[int, ...],
) -> list[tuple[int, int]]:
    """The padding of the input, stretched by the strides, before and after each spatial axis."""
    rank = len(window)
    extra = (None,) * rank if output_padding is None else per_axis(output_padding, rank)
    return [
        _transpose_padding((size - 1) * rate + 1, step, padding, more)
        for size, step, rate, more in zip(window, steps, dilation, extra, strict=True)
    ]


def _transpose_padding(size: int, step: int, padding: str, extra: int | None) -> tuple[int, int]:
    """Padding of the dilated input on both sides, for a window of `size` elements.

    Without `extra` the output has length `n * step` ("same") or `(n - 1) * step + max(size, step)`
    ("valid"). With it: `(n - 1) * step + size % 2 + extra`, or `(n - 1) * step + size + extra`.
    """
    if padding == "valid":
        return size - 1, size - 1 + (max(size, step) - size if extra is None else extra)
    total = size + step - 2 if extra is None else size + size % 2 - 2 + extra
    left = min((total + 1) // 2, size - 1)
    return left, total - left
