"""Transposed convolutions over one, two and three spatial axes, as one base."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.arguments import positive_integer, standardize_tuple
from graphc.keras.layers.convolution import SpatialConvolution
from graphc.keras.layers.defaults import with_defaults


class TransposedConvolution(SpatialConvolution):
    """Spreads each element over a window of `filters` channels, adds a bias and an activation.

    Input: `[B, *spatial, C]` ("channels_first": `[B, C, *spatial]`); output: the same with
    `filters` channels. "same" padding multiplies the lengths by the strides; "valid" padding gives
    `(length - 1) * stride + max(window, stride)`. With `output_padding` they are
    `(length - 1) * stride + window % 2 + output_padding` and
    `(length - 1) * stride + window + output_padding`.

    Raises:
        ValueError: an argument is out of its range, strides and dilation are both above 1, or
            `output_padding` is not below the strides; at build, the inputs have no known number of
            channels.

    Source: Zeiler et al. (2010), Deconvolutional networks.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self.configure(
            filters=positive_integer(filters, "filters"),
            output_padding=_checked(output_padding, self.rank, self.strides),
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
        )
        self.kernel: Any = None
        self.bias: Any = None
        self.check_strides_or_dilation()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `[*kernel_size, filters, C]` and the bias `[filters]`."""
        channels = self.known_channels(input_shape)
        self.kernel = self.add_kernel((*self.kernel_size, self.filters, channels))
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Return the activation of the transposed convolution."""
        operands = (inputs, self.kernel, self.bias)
        outputs = apply(
            "nn.conv_transpose", *operands, output_padding=self.output_padding, **self.windows
        )
        return self.activation(outputs)


def _checked(output_padding: Any, rank: int, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    if output_padding is None:
        return None
    found = standardize_tuple(output_padding, rank, "output_padding", allow_zero=True)
    if all(more < step for more, step in zip(found, strides, strict=True)):
        return found
    raise ValueError(
        "Expected `output_padding` to be below `strides` along every axis. "
        f"Received: output_padding={found}, strides={strides}"
    )


class Conv1DTranspose(TransposedConvolution):
    """Transposed convolution over the steps of sequences `[B, T, C]`."""

    rank = 1


class Conv2DTranspose(TransposedConvolution):
    """Transposed convolution over the rows and columns of images `[B, H, W, C]`."""

    rank = 2
    __init__ = with_defaults(TransposedConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3DTranspose(TransposedConvolution):
    """Transposed convolution over the planes, rows and columns of volumes `[B, D, H, W, C]`.

    Here `data_format` stands before `output_padding`.
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = (1, 1, 1),
        padding: str = "valid",
        data_format: str | None = None,
        output_padding: Any = None,
        dilation_rate: Any = (1, 1, 1),
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
