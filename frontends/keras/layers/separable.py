"""Separable convolutions over one and two spatial axes: first each channel, then their mixture."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.convolution import SpatialConvolution
from graphc.keras.layers.defaults import with_defaults


class SeparableConvolution(SpatialConvolution):
    """A depthwise convolution, a pointwise one to `filters` channels, a bias, an activation.

    Input: `[B, *spatial, C]` ("channels_first": `[B, C, *spatial]`); output: the same with
    `filters` channels and the lengths that the strides and the padding leave.

    Raises:
        ValueError: an argument is out of its range; at build, the inputs have no known number of
            channels, or too few elements for one window.

    Source: Chollet (2017), Xception.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self.configure(
            filters=positive_integer(filters, "filters"),
            depth_multiplier=positive_integer(depth_multiplier, "depth_multiplier"),
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            pointwise_initializer=pointwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            pointwise_regularizer=pointwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            pointwise_constraint=pointwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.depthwise_kernel: Any = None
        self.pointwise_kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create kernels `[*kernel_size, C, m]` and `[1, ..., C * m, filters]`, and the bias."""
        channels = self.known_channels(input_shape)
        self.check_inputs_fit(input_shape)
        apart = (*self.kernel_size, channels, self.depth_multiplier)
        mixing = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.add_kernel(apart, "depthwise_kernel", "depthwise")
        self.pointwise_kernel = self.add_kernel(mixing, "pointwise_kernel", "pointwise")
        self.add_bias(self.filters)

    def call(self, inputs: Any) -> Any:
        """Return the activation of the two convolutions."""
        operands = (inputs, self.depthwise_kernel, self.pointwise_kernel, self.bias)
        return self.activation(apply("nn.separable_conv", *operands, **self.windows))


class SeparableConv1D(SeparableConvolution):
    """Separable convolution over the steps of sequences `[B, T, C]`."""

    rank = 1


class SeparableConv2D(SeparableConvolution):
    """Separable convolution over the rows and columns of images `[B, H, W, C]`."""

    rank = 2
    __init__ = with_defaults(SeparableConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))
