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


class Convolution(BuiltinLayer):
    """Slides `filters` kernels over `rank` spatial axes, adds a bias, applies an activation.

    Input: `[B, *spatial, C]` ("channels_first": `[B, C, *spatial]`); output: the same with
    `filters` channels and the lengths that the strides and the padding leave.

    Raises:
        ValueError: an argument is out of its range, strides and dilation are both above 1, or
            `filters` is not a multiple of `groups`; at build, the inputs have no known number of
            channels, or too few elements for one window.
    """

    rank: ClassVar[int]

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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.configure(
            filters=positive_integer(filters, "filters"),
            kernel_size=standardize_tuple(kernel_size, self.rank, "kernel_size"),
            strides=standardize_tuple(strides, self.rank, "strides"),
            padding=standardize_padding(padding, allow_causal=self.rank == 1),
            data_format=standardize_data_format(data_format),
            dilation_rate=standardize_tuple(dilation_rate, self.rank, "dilation_rate"),
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
        self._check_arguments()
        self.kernel: Any = None
        self.bias: Any = None
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the kernel `[*kernel_size, C / groups, filters]` and the bias `[filters]`."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None or channels % self.groups:
            raise ValueError(
                f"Layer '{self.name}' needs inputs with a known number of channels (axis {axis}), "
                f"a multiple of groups={self.groups}. Received: input_shape={tuple(input_shape)}"
            )
        sizes = zip(self.kernel_size, self.dilation_rate, strict=True)
        extents = [rate * (size - 1) + 1 for size, rate in sizes]
        spatial = spatial_axes(self.rank, self.data_format)
        check_windows_fit(self.name, input_shape, spatial, extents, self.padding)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={axis: channels})

    def call(self, inputs: Any) -> Any:
        """Return the activation of the convolution."""
        outputs = apply(
            "nn.conv",
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
            data_format=self.data_format,
        )
        return self.activation(outputs)

    def _check_arguments(self) -> None:
        if self.filters % self.groups:
            raise ValueError(
                "Expected `filters` to be a multiple of `groups`. "
                f"Received: filters={self.filters}, groups={self.groups}"
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Expected `strides` or `dilation_rate` to be 1: they cannot both be larger. "
                f"Received: strides={self.strides}, dilation_rate={self.dilation_rate}"
            )


class Conv1D(Convolution):
    """Convolution over the steps of sequences `[B, T, C]`; `padding` may also be "causal"."""

    rank = 1


class Conv2D(Convolution):
    """Convolution over the rows and columns of images `[B, H, W, C]`."""

    rank = 2


class Conv3D(Convolution):
    """Convolution over the planes, rows and columns of volumes `[B, D, H, W, C]`."""

    rank = 3
