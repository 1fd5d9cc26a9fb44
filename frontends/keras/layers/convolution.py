"""Convolutions over one, two and three spatial axes, as one base."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import (
    check_windows_fit,
    positive_integer,
    spatial_axes,
    standardize_padding,
    standardize_tuple,
)
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.defaults import with_defaults
from graphc.keras.layers.lora import AdaptedKernel


class SpatialConvolution(BuiltinLayer):
    """The base of all convolutions: windows over `rank` spatial axes, kernels and a bias.

    Raises:
        ValueError: an argument is out of its range; at build, the inputs have no known number of
            channels.
    """

    rank: ClassVar[int]

    def configure_windows(
        self,
        kernel_size: Any,
        strides: Any,
        padding: Any,
        data_format: str | None,
        dilation_rate: Any,
        allow_causal: bool = False,
    ) -> None:
        """Check and store the arguments that every convolution has."""
        self.configure(
            kernel_size=standardize_tuple(kernel_size, self.rank, "kernel_size"),
            strides=standardize_tuple(strides, self.rank, "strides"),
            padding=standardize_padding(padding, allow_causal),
            data_format=standardize_data_format(data_format),
            dilation_rate=standardize_tuple(dilation_rate, self.rank, "dilation_rate"),
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def windows(self) -> dict[str, Any]:
        """The attributes that every convolution op takes."""
        names = ("strides", "padding", "dilation_rate", "data_format")
        return {name: getattr(self, name) for name in names}

    def known_channels(self, input_shape: tuple[int | None, ...]) -> int:
        """Return the number of channels of the inputs, and expect it from now on."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                f"Layer '{self.name}' needs inputs with a known number of channels (axis {axis}). "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})
        return channels

    def check_inputs_fit(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that a window fits in the inputs."""
        sizes = zip(self.kernel_size, self.dilation_rate, strict=True)
        extents = [rate * (size - 1) + 1 for size, rate in sizes]
        spatial = spatial_axes(self.rank, self.data_format)
        check_windows_fit(self.name, input_shape, spatial, extents, self.padding)

    def check_strides_or_dilation(self) -> None:
        """Check that only one of them is above 1."""
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Expected `strides` or `dilation_rate` to be 1: they cannot both be larger. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}"
            )

    def add_kernel(self, shape: tuple[int, ...], name: str = "kernel", kind: str = "kernel") -> Any:
        """Create a weight whose initializer, regularizer and constraint are those of `kind`."""
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=getattr(self, f"{kind}_initializer"),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def add_bias(self, filters: int) -> None:
        """Create the bias `[filters]` where there is one."""
        if self.use_bias:
            self.bias = self.add_kernel((filters,), "bias", "bias")


class Convolution(SpatialConvolution, AdaptedKernel):
    """Slides `filters` kernels over `rank` spatial axes, adds a bias, applies an activation.

    Input: `[B, *spatial, C]` ("channels_first": `[B, C, *spatial]`); output: the same with
    `filters` channels and the lengths that the strides and the padding leave.

    Raises:
        ValueError: an argument is out of its range, strides and dilation are both above 1, or
            `filters` is not a multiple of `groups`; at build, the inputs have no known number of
            channels, or too few elements for one window.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        lora_rank, lora_alpha = (kwargs.pop(name, None) for name in ("lora_rank", "lora_alpha"))
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure_windows(
            kernel_size, strides, padding, data_format, dilation_rate, allow_causal=self.rank == 1
        )
        self.configure(
            filters=positive_integer(filters, "filters"),
            groups=positive_integer(groups, "groups"),
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
        self.lora_rank = lora_rank
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha
        self.lora_enabled = False
        self._weight: Any = None
        self.bias: Any = None
        self.check_strides_or_dilation()
        if self.filters % self.groups:
            raise ValueError(
                "Expected `filters` to be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}"
            )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `[*kernel_size, C / groups, filters]` and the bias `[filters]`."""
        channels = self.known_channels(input_shape)
        if channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}' needs inputs whose number of channels is a multiple of "
                f"groups={self.groups}. Received: input_shape={tuple(input_shape)}"
            )
        self.check_inputs_fit(input_shape)
        self._weight = self.add_kernel((*self.kernel_size, channels // self.groups, self.filters))
        self.add_bias(self.filters)
        if self.lora_rank:
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def call(self, inputs: Any) -> Any:
        """Return the activation of the convolution."""
        operands = (inputs, self.kernel, self.bias)
        return self.activation(apply("nn.conv", *operands, groups=self.groups, **self.windows))


class Conv1D(Convolution):
    """Convolution over the steps of sequences `[B, T, C]`; `padding` may also be "causal"."""

    rank = 1


class Conv2D(Convolution):
    """Convolution over the rows and columns of images `[B, H, W, C]`."""

    rank = 2
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3D(Convolution):
    """Convolution over the planes, rows and columns of volumes `[B, D, H, W, C]`."""

    rank = 3
    __init__ = with_defaults(Convolution.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))
