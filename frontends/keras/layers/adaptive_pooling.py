"""Pooling to a given number of windows, spread evenly: as one table over one base."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.settings import standardize_data_format
from graphc.keras.layers.arguments import standardize_tuple
from graphc.keras.layers.builtin import BuiltinLayer


class AdaptivePooling(BuiltinLayer):
    """Reduces `rank` spatial axes to `output_size` windows, whose sizes differ by one at most.

    Args:
        output_size: the number of windows: an integer, or one for each spatial axis.
        data_format: "channels_last", "channels_first" or None (the configured one).

    Raises:
        TypeError: `output_size` is neither an integer nor a tuple (for 2 and 3 axes: of their
            number).
        ValueError: it has another length, for 1 axis, or a number that is not positive; or the
            data format is unknown.
    """

    rank: ClassVar[int]
    op: ClassVar[str]

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sized = isinstance(output_size, (tuple, list))
        wrong_length = sized and self.rank > 1 and len(output_size) != self.rank
        if wrong_length or not (sized or isinstance(output_size, (int, np.integer))):
            raise TypeError(
                f"Expected `output_size` to be an integer or a tuple of {self.rank} integers. "
                f"Received: output_size={output_size!r} (of type {type(output_size)})"
            )
        self.configure(
            output_size=standardize_tuple(output_size, self.rank, "output_size"),
            data_format=standardize_data_format(data_format),
        )
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        """Return the reduced windows."""
        return apply(self.op, inputs, output_size=self.output_size, data_format=self.data_format)


class AdaptiveAveragePooling1D(AdaptivePooling):
    """The means of evenly spread windows of steps: `[B, T, C]` to `[B, output_size, C]`."""

    rank, op = 1, "nn.adaptive_average_pool"


class AdaptiveAveragePooling2D(AdaptivePooling):
    """The means of evenly spread windows of rows and columns."""

    rank, op = 2, "nn.adaptive_average_pool"


class AdaptiveAveragePooling3D(AdaptivePooling):
    """The means of evenly spread windows of planes, rows and columns."""

    rank, op = 3, "nn.adaptive_average_pool"


class AdaptiveMaxPooling1D(AdaptivePooling):
    """The largest elements of evenly spread windows of steps."""

    rank, op = 1, "nn.adaptive_max_pool"


class AdaptiveMaxPooling2D(AdaptivePooling):
    """The largest elements of evenly spread windows of rows and columns."""

    rank, op = 2, "nn.adaptive_max_pool"


class AdaptiveMaxPooling3D(AdaptivePooling):
    """The largest elements of evenly spread windows of planes, rows and columns."""

    rank, op = 3, "nn.adaptive_max_pool"
