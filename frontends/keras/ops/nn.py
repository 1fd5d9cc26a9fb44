"""The functions of `keras.ops` for neural networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import epsilon as default_epsilon
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.ops.arrangement import depth_to_space, space_to_depth  # noqa: F401
from graphc.keras.ops.attention import dot_product_attention  # noqa: F401
from graphc.keras.ops.complex import polar  # noqa: F401
from graphc.keras.ops.core import convert_to_tensor
from graphc.keras.ops.creation import multi_hot, one_hot  # noqa: F401
from graphc.keras.ops.elementwise import log10, square, subtract
from graphc.keras.ops.linalg import normalize  # noqa: F401
from graphc.keras.ops.reduction import mean
from graphc.keras.ops.sequences import ctc_decode, ctc_loss  # noqa: F401
from graphc.keras.ops.uniform import attribute, operand, uniform

# What is imported without being used here is in `keras.ops.nn` too.

celu = uniform("nn.celu", "x; alpha=1.0")
elu = uniform("nn.elu", "x; alpha=1.0")
gelu = uniform("nn.gelu", "x; approximate=True")
glu = uniform("nn.glu", "x; axis=-1")
hard_shrink = uniform("nn.hard_shrink", "x; threshold=0.5")
hard_sigmoid = uniform("nn.hard_sigmoid", "x")
hard_silu = uniform("nn.hard_silu", "x")
hard_swish = uniform("nn.hard_silu", "x", "hard_swish")
hard_tanh = uniform("nn.hard_tanh", "x")
leaky_relu = uniform("nn.leaky_relu", "x; negative_slope=0.2")
log_sigmoid = uniform("nn.log_sigmoid", "x")
log_softmax = uniform("nn.log_softmax", "x; axis=-1")
relu = uniform("nn.relu", "x")
relu6 = uniform("nn.relu6", "x")
selu = uniform("nn.selu", "x")
sigmoid = uniform("nn.sigmoid", "x")
silu = uniform("nn.silu", "x")
soft_shrink = uniform("nn.soft_shrink", "x; threshold=0.5")
softmax = uniform("nn.softmax", "x; axis=-1")
softplus = uniform("nn.softplus", "x")
softsign = uniform("nn.softsign", "x")
sparse_plus = uniform("nn.sparse_plus", "x")
sparse_sigmoid = uniform("nn.sparse_sigmoid", "x")
sparsemax = uniform("nn.sparsemax", "x; axis=-1")
squareplus = uniform("nn.squareplus", "x; b=4")
swish = uniform("nn.silu", "x", "swish")
tanh_shrink = uniform("nn.tanh_shrink", "x")
threshold = uniform("nn.threshold", "x; threshold, default_value")

unfold = uniform("nn.unfold", "x; kernel_size, dilation=1, padding=0, stride=1")
fold = uniform("nn.fold", "x; output_size, kernel_size, dilation=1, padding=0, stride=1")

binary_crossentropy = uniform("nn.binary_crossentropy", "target, output; from_logits=False")
categorical_crossentropy = uniform(
    "nn.categorical_crossentropy", "target, output; from_logits=False, axis=-1"
)
sparse_categorical_crossentropy = uniform(
    "nn.sparse_categorical_crossentropy", "target, output; from_logits=False, axis=-1"
)


def max_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return the largest element of each window; `strides` None means `pool_size`."""
    return _pool("nn.max_pool", inputs, pool_size, strides, padding, data_format)


def average_pool(
    inputs: Any,
    pool_size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Any:
    """Return the mean of each window, padding not counted; `strides` None means `pool_size`."""
    return _pool("nn.average_pool", inputs, pool_size, strides, padding, data_format)


def adaptive_average_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Return the means of as many windows as `output_size` says, along each spatial axis."""
    return apply(
        "nn.adaptive_average_pool",
        operand(inputs),
        output_size=attribute("", output_size),
        data_format=standardize_data_format(data_format),
    )


def adaptive_max_pool(inputs: Any, output_size: Any, data_format: str | None = None) -> Any:
    """Return the maxima of as many windows as `output_size` says, along each spatial axis."""
    return apply(
        "nn.adaptive_max_pool",
        operand(inputs),
        output_size=attribute("", output_size),
        data_format=standardize_data_format(data_format),
    )


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Return the convolution of [B, *spatial, C] with a kernel [*window, C / groups, filters].

    The number of groups follows from the two channel counts.
    """
    data_format = standardize_data_format(data_format)
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    groups = channels // kernel.shape[-2]
    windows = _windows(strides, padding, data_format, dilation_rate)
    return apply("nn.conv", operand(inputs), operand(kernel), None, groups=groups, **windows)


def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Return the convolution of each channel by itself; the kernel is [*window, C, multiplier]."""
    windows = _windows(strides, padding, standardize_data_format(data_format), dilation_rate)
    return apply("nn.depthwise_conv", operand(inputs), operand(kernel), None, **windows)


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Return a depthwise convolution followed by a pointwise one."""
    windows = _windows(strides, padding, standardize_data_format(data_format), dilation_rate)
    kernels = operand(depthwise_kernel), operand(pointwise_kernel)
    return apply("nn.separable_conv", operand(inputs), *kernels, None, **windows)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Any:
    """Return the transpose of a convolution; the kernel is [*window, filters, C]."""
    windows = _windows(strides, padding, standardize_data_format(data_format), dilation_rate)
    return apply(
        "nn.conv_transpose",
        operand(inputs),
        operand(kernel),
        None,
        output_padding=attribute("", output_padding),
        **windows,
    )


def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """Return the mean and the population variance over `axes`."""
    del synchronized  # there is one device
    return apply("nn.moments", operand(x), axes=attribute("", axes), keepdims=keepdims)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Any:
    """Return `x` normalised by the given statistics of the features `axis`, scaled and shifted."""
    operands = (operand(value) for value in (x, mean, variance, scale, offset))
    return apply("nn.batch_norm", *operands, axis=axis, epsilon=epsilon)


def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> Any:
    """Return `x` normalised over `axis`, scaled by `gamma` and shifted by `beta`."""
    return apply(
        "nn.layer_norm",
        *(operand(value) for value in (x, gamma, beta)),
        axis=attribute("", axis),
        epsilon=default_epsilon() if epsilon is None else epsilon,
        rms_scaling=bool(kwargs.pop("rms_scaling", False)),
        **kwargs,
    )


def rms_normalization(
    x: Any, scale: Any = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> Any:
    """Return `x` divided by its root mean square over `axis`, times `scale`."""
    return apply(
        "nn.rms_norm",
        operand(x),
        operand(scale),
        axis=attribute("", axis),
        epsilon=default_epsilon() if epsilon is None else epsilon,
    )


def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Return the ratio of the peak `max_val` to the noise between two signals, in decibels.

    Raises:
        ValueError: the shapes differ.
    """
    x1, x2 = convert_to_tensor(x1), convert_to_tensor(x2)
    if not _agree(x1.shape, x2.shape):
        raise ValueError(
            "Expected `x1` and `x2` to have the same shape. "
            f"Received: x1.shape={tuple(x1.shape)}, x2.shape={tuple(x2.shape)}"
        )
    noise = mean(square(subtract(x1, x2)))
    peak = log10(convert_to_tensor(max_val, x2.dtype))
    return subtract(20 * peak, 10 * log10(noise))


def _agree(shape1: Any, shape2: Any) -> bool:
    """Whether two shapes are the same as far as they are known."""
    pairs = zip(shape1, shape2, strict=False)
    return len(shape1) == len(shape2) and all(a == b or None in (a, b) for a, b in pairs)


def _pool(
    op: str, inputs: Any, pool_size: Any, strides: Any, padding: str, data_format: str | None
) -> Any:
    return apply(
        op,
        operand(inputs),
        pool_size=attribute("", pool_size),
        strides=attribute("", strides),
        padding=padding,
        data_format=standardize_data_format(data_format),
    )


def _windows(strides: Any, padding: str, data_format: str, dilation_rate: Any) -> dict[str, Any]:
    return {
        "strides": attribute("", strides),
        "padding": padding,
        "dilation_rate": attribute("", dilation_rate),
        "data_format": data_format,
    }
