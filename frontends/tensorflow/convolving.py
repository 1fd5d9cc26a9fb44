"""`tf.nn`'s convolutions and pools: Keras's, with strides and windows as TensorFlow has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras import ops


def _spatial(value: Any, rank: int, data_format: str | None) -> Any:
    """Return sizes along the spatial axes of what may name the batch and the channels, too."""
    if value is None or isinstance(value, int):
        return 1 if value is None else value
    sizes = [int(size) for size in value]
    if len(sizes) == rank + 2:
        sizes = sizes[2:] if _layout(data_format) == "channels_first" else sizes[1:-1]
    return sizes[0] if len(sizes) == 1 else tuple(sizes)


def _layout(data_format: str | None) -> str:
    return "channels_first" if (data_format or "").startswith("NC") else "channels_last"


def _padding(padding: Any) -> str:
    if not isinstance(padding, str):
        raise ValueError(
            "Expected `padding` to be 'SAME' or 'VALID' (tf.pad makes others). "
            f"Received: padding={padding!r}"
        )
    return padding.lower()


def _convolution(rank: int, name: str) -> Callable[..., Any]:
    def convolve(
        input: Any,
        filters: Any,
        strides: Any,
        padding: Any,
        data_format: str | None = None,
        dilations: Any = None,
        name: str | None = None,
    ) -> Any:
        return ops.conv(
            input, filters, _spatial(strides, rank, data_format), _padding(padding),
            _layout(data_format), _spatial(dilations, rank, data_format),
        )  # fmt: skip

    convolve.__name__ = convolve.__qualname__ = name
    convolve.__doc__ = (
        f"Return the convolution over {rank} axes with filters [..., in, out] of their sizes."
    )
    return convolve


def _pool(function: Callable[..., Any], rank: int | None, name: str) -> Callable[..., Any]:
    def pool(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: Any,
        data_format: str | None = None,
        name: str | None = None,
    ) -> Any:
        axes = len(ops.shape(input)) - 2 if rank is None else rank
        return function(
            input, _spatial(ksize, axes, data_format), _spatial(strides, axes, data_format),
            _padding(padding), _layout(data_format),
        )  # fmt: skip

    pool.__name__ = pool.__qualname__ = name
    pool.__doc__ = "Return one number for each window of the spatial axes."
    return pool


conv1d = _convolution(1, "conv1d")
conv2d = _convolution(2, "conv2d")
conv3d = _convolution(3, "conv3d")
avg_pool = _pool(ops.average_pool, None, "avg_pool")
avg_pool1d = _pool(ops.average_pool, 1, "avg_pool1d")
avg_pool2d = _pool(ops.average_pool, 2, "avg_pool2d")
avg_pool3d = _pool(ops.average_pool, 3, "avg_pool3d")
max_pool = _pool(ops.max_pool, None, "max_pool")
max_pool1d = _pool(ops.max_pool, 1, "max_pool1d")
max_pool2d = _pool(ops.max_pool, 2, "max_pool2d")
max_pool3d = _pool(ops.max_pool, 3, "max_pool3d")


def atrous_conv2d(value: Any, filters: Any, rate: int, padding: str, name: Any = None) -> Any:
    """Return the convolution with filters whose elements are `rate` apart."""
    return conv2d(value, filters, 1, padding, dilations=rate)


def conv2d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: Any = "SAME",
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Return the transposed convolution with filters [H, W, out, in].

    Raises:
        ValueError: `output_shape` is not what the strides and the padding lead to.
    """
    found = ops.conv_transpose(
        input, filters, _spatial(strides, 2, data_format), _padding(padding),
        data_format=_layout(data_format), dilation_rate=_spatial(dilations, 2, data_format),
    )  # fmt: skip
    expected = _spatial(output_shape, 2, data_format)
    if _spatial(ops.shape(found), 2, data_format) != expected:
        raise ValueError(
            f"Expected `output_shape` to be what the convolution gives, {ops.shape(found)}. "
            f"Received: output_shape={tuple(output_shape)}"
        )
    return found


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Return the convolution of each channel on its own, with filters [H, W, in, multiplier]."""
    return ops.depthwise_conv(
        input, filter, _spatial(strides, 2, data_format), _padding(padding),
        _layout(data_format), _spatial(dilations, 2, data_format),
    )  # fmt: skip


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: Any,
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Return a convolution of each channel on its own, and one that mixes them."""
    return ops.separable_conv(
        input, depthwise_filter, pointwise_filter, _spatial(strides, 2, data_format),
        _padding(padding), _layout(data_format), _spatial(dilations, 2, data_format),
    )  # fmt: skip
