"""`Quantizer` and `AbsMaxQuantizer`: from floating numbers to small integers and a scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import standardize_dtype


class Quantizer:
    """The base of quantizers; it leaves its input as it is.

    Args:
        output_dtype: the dtype of quantized values.
    """

    def __init__(self, output_dtype: str = "int8") -> None:
        self.output_dtype = output_dtype

    def __call__(self, x: Any) -> Any:
        """Return the quantized tensor."""
        return x

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a quantizer from `get_config()`."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal quantizer."""
        raise NotImplementedError(f"{self} does not implement get_config()")


class AbsMaxQuantizer(Quantizer):
    """Quantizes by the largest magnitude along axes; see `abs_max_quantize`.

    Args:
        axis: the axes that share a scale; None for the last.
        value_range: the smallest and the largest quantized value.
        epsilon: keeps the scale finite.
        output_dtype: the dtype of quantized values.

    Raises:
        ValueError: a range that int8 cannot hold.
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = None,
        value_range: tuple[int, int] = (-127, 127),
        epsilon: float = 1e-7,
        output_dtype: str = "int8",
    ) -> None:
        super().__init__(output_dtype)
        self.axis = (axis,) if isinstance(axis, int) else None if axis is None else tuple(axis)
        self.value_range = tuple(value_range)  # a list, from a JSON file
        self.epsilon = epsilon
        if output_dtype == "int8" and (value_range[0] < -128 or value_range[1] > 127):
            raise ValueError(
                "Expected `value_range` to be within [-128, 127] for output_dtype='int8'. "
                f"Received: value_range={value_range}"
            )

    def __call__(self, x: Any, axis: Any = None, to_numpy: bool = False) -> tuple[Any, Any]:  # type: ignore[override]
        """Return the quantized tensor and the scale; `axis` goes before the quantizer's own."""
        chosen = axis if axis is not None else self.axis if self.axis is not None else -1
        return abs_max_quantize(
            x, chosen, self.value_range, self.output_dtype, self.epsilon, to_numpy
        )

    def get_config(self) -> dict[str, Any]:
        config = {
            "value_range": self.value_range,
            "epsilon": self.epsilon,
            "output_dtype": self.output_dtype,
        }
        return config if self.axis is None else {**config, "axis": self.axis}


def abs_max_quantize(
    inputs: Any,
    axis: int | Sequence[int],
    value_range: tuple[int, int] = (-127, 127),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any]:
    """Values times a scale that takes the largest magnitude to the end of a range, rounded.

    Args:
        inputs: the tensor.
        axis: the axes that share a scale.
        value_range: the smallest and the largest quantized value.
        dtype: the dtype of quantized values.
        epsilon: keeps the scale finite.
        to_numpy: whether to compute with NumPy, which needs less memory on the device.

    Returns:
        (quantized, scale): of the input's shape, and with size 1 along `axis`, in the input's
        dtype; `quantized / scale` is nearly the input.
    """
    low, high = value_range
    if to_numpy:
        array = np.asarray(inputs)
        axes = axis if isinstance(axis, int) else tuple(axis)
        scale = high / (np.abs(array).max(axis=axes, keepdims=True) + epsilon)
        rounded = np.clip(np.round(array * scale), low, high).astype(dtype)
        tensors = ops.convert_to_tensor(rounded), ops.convert_to_tensor(scale)
        return tensors[0], ops.cast(tensors[1], standardize_dtype(array.dtype))
    inputs = ops.convert_to_tensor(inputs)
    largest = ops.max(ops.abs(inputs), axis=axis, keepdims=True)
    scale = ops.cast(ops.divide(high, ops.add(largest, epsilon)), standardize_dtype(inputs.dtype))
    rounded = ops.clip(ops.round(ops.multiply(inputs, scale)), low, high)
    return ops.cast(rounded, dtype), scale


def abs_max_quantize_grouped_with_zero_point(
    inputs: Any,
    block_size: int,
    value_range: tuple[int, int] = (-8, 7),
    dtype: str = "int8",
    epsilon: float = 1e-7,
    to_numpy: bool = False,
) -> tuple[Any, Any, Any]:
    """A matrix quantized in blocks of rows, each with a scale and a zero point for every column.

    Args:
        inputs: [N, M].
        block_size: rows of a block.
        value_range: the smallest and the largest quantized value.
        dtype: the dtype of quantized values.
        epsilon: keeps the scale from being 0.
        to_numpy: whether to compute with NumPy.

    Returns:
        (quantized [N, M], scale [blocks, M], zero_point [blocks, M] in int8);
        `(quantized - zero_point) * scale` is nearly the input.
    """
    rows, columns = inputs.shape
    blocks = -(-rows // block_size)
    low, high = value_range
    library = np if to_numpy else ops
    matrix = np.asarray(inputs) if to_numpy else ops.convert_to_tensor(inputs)
    source_dtype = standardize_dtype(matrix.dtype)
    padded = library.pad(matrix, ((0, blocks * block_size - rows), (0, 0)))
    grouped = library.reshape(padded, (blocks, block_size, columns))
    measured = grouped if to_numpy or blocks > 1 else matrix[None]
    smallest, largest = library.min(measured, axis=1), library.max(measured, axis=1)  # [blocks, M]
    if not to_numpy:  # Keras's two ways differ here, and in the padding of a single block above
        same = ops.equal(smallest, largest)
        smallest = ops.where(same, smallest - 1, smallest)
        largest = ops.where(same, largest + 1, largest)
    scale = (largest - smallest + epsilon) / (high - low)
    zero = library.clip(library.round(-smallest / scale) + low, low, high)
    quantized = library.round(grouped / scale[:, None]) + zero[:, None]
    quantized = library.reshape(library.clip(quantized, low, high), (blocks * block_size, columns))
    return (
        ops.cast(ops.convert_to_tensor(quantized[:rows]), dtype),
        ops.cast(ops.convert_to_tensor(scale), source_dtype),
        ops.cast(ops.convert_to_tensor(zero), "int8"),
    )
