"""Depthwise convolutions over one and two spatial axes: each channel by itself."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.layers.arguments import positive_integer
from graphc.keras.layers.convolution import SpatialConvolution
from graphc.keras.layers.defaults import with_defaults


class DepthwiseConvolution(SpatialConvolution):
    """Slides `depth_multiplier` kernels over each channel, adds a bias, applies an activation.

    Input: `[B, *spatial, C]` ("channels_first": `[B, C, *spatial]`); output: the same with
    `C * depth_multiplier` channels and the lengths that the strides and the padding leave.

    Raises:
        ValueError: an argument is out of its range; at build, the inputs have no known number of
            channels, or too few elements for one window.
    """

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure_windows(kernel_size, strides, padding, data_format, dilation_rate)
        self.configure(
            depth_multiplier=positive_integer(depth_multiplier, "depth_multiplier"),
            activation=activation,
            use_bias=use_bias,
            depthwise_initializer=depthwise_initializer,
            bias_initializer=bias_initializer,
            depthwise_regularizer=depthwise_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            depthwise_constraint=depthwise_constraint,
            bias_constraint=bias_constraint,
        )
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `[*kernel_size, C, depth_multiplier]` and the bias."""
        channels = self.known_channels(input_shape)
        self.check_inputs_fit(input_shape)
        shape = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_kernel(shape, kind="depthwise")
        self.add_bias(channels * self.depth_multiplier)

    def call(self, inputs: Any) -> Any:
        """Return the activation of the convolution."""
        operands = (inputs, self.kernel, self.bias)
        return self.activation(apply("nn.depthwise_conv", *operands, **self.windows))


class DepthwiseConv1D(DepthwiseConvolution):
    """Depthwise convolution over the steps of sequences `[B, T, C]`."""

    rank = 1


class DepthwiseConv2D(DepthwiseConvolution):
    """Depthwise convolution over the rows and columns of images `[B, H, W, C]`."""

    rank = 2
    __init__ = with_defaults(DepthwiseConvolution.__init__, strides=(1, 1), dilation_rate=(1, 1))
