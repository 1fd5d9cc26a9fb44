"""Pooling over windows and over all of the spatial axes, as one table over two bases."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import (
    check_windows_fit,
    spatial_axes,
    standardize_padding,
    standardize_tuple,
)
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.layers.defaults import with_defaults


class Pooling(BuiltinLayer):
    """Reduces every window of `rank` spatial axes to one number.

    Args:
        pool_size: the window: an integer, or one for each spatial axis.
        strides: the step of the windows; None means `pool_size`.
        padding: "valid" or "same".
        data_format: "channels_last", "channels_first" or None (the configured one).

    Raises:
        ValueError: an argument is out of its range; at build, the inputs have too few elements
            for one window.
    """

    rank: ClassVar[int]
    op: ClassVar[str]

    def __init__(
        self,
        pool_size: Any,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        strides = pool_size if strides is None else strides
        self.configure(
            pool_size=standardize_tuple(pool_size, self.rank, "pool_size"),
            strides=standardize_tuple(strides, self.rank, "strides"),
            padding=standardize_padding(padding),
            data_format=standardize_data_format(data_format),
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that a window fits in the inputs."""
        spatial = spatial_axes(self.rank, self.data_format)
        check_windows_fit(self.name, input_shape, spatial, self.pool_size, self.padding)

    def call(self, inputs: Any) -> Any:
        """Return the reduced windows."""
        return apply(
            self.op,
            inputs,
            pool_size=self.pool_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
        )


class MaxPooling1D(Pooling):
    """The largest element of every window of steps."""

    rank, op = 1, "nn.max_pool"
    __init__ = with_defaults(Pooling.__init__, pool_size=2)


class MaxPooling2D(Pooling):
    """The largest element of every window of rows and columns."""

    rank, op = 2, "nn.max_pool"
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2))


class MaxPooling3D(Pooling):
    """The largest element of every window of planes, rows and columns."""

    rank, op = 3, "nn.max_pool"
    __init__ = with_defaults(Pooling.__init__, pool_size=(2, 2, 2))


class AveragePooling1D(Pooling):
    """The mean of every window of steps; padding does not count."""

    rank, op = 1, "nn.average_pool"


class AveragePooling2D(Pooling):
    """The mean of every window of rows and columns; padding does not count."""

    rank, op = 2, "nn.average_pool"


class AveragePooling3D(Pooling):
    """The mean of every window of planes, rows and columns; padding does not count."""

    rank, op = 3, "nn.average_pool"


class GlobalPooling(BuiltinLayer):
    """Reduces all spatial axes: `[B, *spatial, C]` to `[B, C]`, or to ones with `keepdims`."""

    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.configure(data_format=standardize_data_format(data_format), keepdims=keepdims)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes."""
        return spatial_axes(self.rank, self.data_format)


class _GlobalMax(GlobalPooling):
    def call(self, inputs: Any) -> Any:
        """Return the largest element of every channel."""
        return ops.max(inputs, axis=self.axes, keepdims=self.keepdims)


class _GlobalAverage(GlobalPooling):
    def call(self, inputs: Any) -> Any:
        """Return the mean of every channel."""
        return ops.mean(inputs, axis=self.axes, keepdims=self.keepdims)


class GlobalMaxPooling1D(_GlobalMax):
    """The largest step of every channel."""

    rank = 1


class GlobalMaxPooling2D(_GlobalMax):
    """The largest pixel of every channel."""

    rank = 2


class GlobalMaxPooling3D(_GlobalMax):
    """The largest voxel of every channel."""

    rank = 3


class GlobalAveragePooling1D(GlobalPooling):
    """The mean of the steps of every channel; masked steps do not count."""

    rank = 1

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mean of every channel over the steps that the mask `[B, T]` keeps."""
        setting = {"axis": self.axes, "keepdims": self.keepdims}
        if mask is None:
            return ops.mean(inputs, **setting)
        channels = 2 if self.data_format == "channels_last" else 1
        kept = ops.cast(ops.expand_dims(mask, channels), "bool")
        total = ops.sum(ops.where(kept, inputs, 0), **setting)
        return total / ops.sum(ops.cast(kept, inputs.dtype), **setting)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Return None: the steps are gone."""
        del inputs, previous_mask


class GlobalAveragePooling2D(_GlobalAverage):
    """The mean of the pixels of every channel."""

    rank = 2


class GlobalAveragePooling3D(_GlobalAverage):
    """The mean of the voxels of every channel."""

    rank = 3
