"""Layers that pad, crop or repeat along the spatial axes, as one table over three bases."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.keras import ops
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import pairs, spatial_axes, standardize_tuple
from graphc.keras.layers.builtin import BuiltinLayer


class _Spatial(BuiltinLayer):
    """A layer on `rank` spatial axes, which its data format places."""

    rank: ClassVar[int]

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def per_axis(self, values: tuple[Any, ...], other: Any) -> tuple[Any, ...]:
        """Return the spatial axes' values and `other` for the batch and channel axes."""
        where = dict(zip(spatial_axes(self.rank, self.data_format), values, strict=True))
        return tuple(where.get(axis, other) for axis in range(self.rank + 2))


class _ZeroPadding(_Spatial):
    def call(self, inputs: Any) -> Any:
        """Return the inputs with zeros around their spatial axes."""
        widths = (self.padding,) if self.rank == 1 else self.padding
        return ops.pad(inputs, self.per_axis(widths, (0, 0)))


class ZeroPadding1D(_ZeroPadding):
    """Pads sequences `[B, T, C]` with zeros: `padding` is an integer or (before, after)."""

    rank = 1

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format, **kwargs)
        padding = standardize_tuple(padding, 2, "padding", allow_zero=True)
        self.configure(padding=padding, data_format=self.data_format)


class ZeroPadding2D(_ZeroPadding):
    """Pads images with zeros: `padding` is an integer, one for each axis, or a pair for each."""

    rank = 2

    def __init__(
        self, padding: Any = (1, 1), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        padding = pairs(padding, self.rank, "padding")
        self.configure(padding=padding, data_format=self.data_format)


class ZeroPadding3D(ZeroPadding2D):
    """Pads volumes with zeros: `padding` is an integer, one for each axis, or a pair for each."""

    rank = 3

    def __init__(
        self,
        padding: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(padding, data_format, **kwargs)


class _Cropping(_Spatial):
    def call(self, inputs: Any) -> Any:
        """Return the inputs without the cropped ends."""
        cuts = (self.cropping,) if self.rank == 1 else self.cropping
        cuts = self.per_axis(cuts, (0, 0))
        for size, (before, after) in zip(inputs.shape, cuts, strict=True):
            if size is not None and before + after >= size > 0:
                raise ValueError(
                    f"Layer '{self.name}' needs `cropping` to be smaller than its inputs. "
                    f"Received: inputs.shape={tuple(inputs.shape)}, cropping={self.cropping}"
                )
        return inputs[tuple(slice(before, -after or None) for before, after in cuts)]


class Cropping1D(_Cropping):
    """Cuts steps off sequences `[B, T, C]`: `cropping` is an integer or (before, after)."""

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.configure(cropping=standardize_tuple(cropping, 2, "cropping", allow_zero=True))


class Cropping2D(_Cropping):
    """Cuts borders off images: `cropping` is an integer, one for each axis, or a pair for each."""

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        cropping = pairs(cropping, self.rank, "cropping")
        self.configure(cropping=cropping, data_format=self.data_format)


class Cropping3D(Cropping2D):
    """Cuts borders off volumes: `cropping` is an integer, one for each axis, or a pair for each."""

    rank = 3

    def __init__(
        self,
        cropping: Any = ((1, 1), (1, 1), (1, 1)),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


class _UpSampling(_Spatial):
    def call(self, inputs: Any) -> Any:
        """Return the inputs with every element repeated along the spatial axes."""
        sizes = (self.size,) if self.rank == 1 else self.size
        for axis, size in zip(spatial_axes(self.rank, self.data_format), sizes, strict=True):
            inputs = ops.repeat(inputs, size, axis=axis)
        return inputs


class UpSampling1D(_UpSampling):
    """Repeats every step of `[B, T, C]` `size` times."""

    rank = 1

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__("channels_last", **kwargs)
        self.configure(size=standardize_tuple(size, 1, "size")[0])


class UpSampling2D(_UpSampling):
    """Makes images larger by whole factors: repeats rows and columns, or interpolates.

    Args:
        size: the factor of height and width, or one for each.
        data_format: "channels_last" or "channels_first".
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".

    Raises:
        ValueError: the size is not positive, or (when called) the interpolation is unknown.
    """

    rank = 2

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.configure(
            size=standardize_tuple(size, 2, "size"),
            data_format=self.data_format,
            interpolation=interpolation.lower(),
        )

    def call(self, inputs: Any) -> Any:
        """Return the larger images."""
        if self.interpolation == "nearest":
            return super().call(inputs)
        axes = spatial_axes(self.rank, self.data_format)
        size = [inputs.shape[axis] * n for axis, n in zip(axes, self.size, strict=True)]
        return ops.image.resize(
            inputs, size, interpolation=self.interpolation, data_format=self.data_format
        )


class UpSampling3D(_UpSampling):
    """Repeats every plane, row and column of volumes."""

    rank = 3

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format, **kwargs)
        self.configure(size=standardize_tuple(size, 3, "size"), data_format=self.data_format)
