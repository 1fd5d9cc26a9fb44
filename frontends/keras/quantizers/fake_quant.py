"""Fake quantization: rounding in the forward pass, straight through in the backward pass."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.backend.dtypes import result_type
from graphc.keras.engine.settings import standardize_dtype


def fake_quant_with_min_max_vars(
    inputs: Any,
    min_vals: Any,
    max_vals: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    axis: int | None = None,
) -> Any:
    """Values rounded to the grid that a quantized tensor of a range can hold.

    The range is moved a little, so that zero is on the grid (Jacob et al. 2018, arXiv:1712.05877).
    Gradients go through where values are inside the range, and to its ends where they are outside.

    Args:
        inputs: the tensor.
        min_vals: the range's lower end: a scalar, or [C] by entry along `axis`.
        max_vals: its upper end.
        num_bits: bits of a quantized value.
        narrow_range: whether the smallest quantized value is not used.
        axis: the axis with a range for each entry; None for one range.

    Returns:
        A tensor like `inputs`.
    """
    x = ops.convert_to_tensor(inputs)
    lower, upper = ops.convert_to_tensor(min_vals), ops.convert_to_tensor(max_vals)
    if axis is not None:
        shape = [1] * len(x.shape)
        shape[axis] = -1
        lower, upper = ops.reshape(lower, shape), ops.reshape(upper, shape)
    elif len(lower.shape):
        lower, upper = ops.reshape(lower, ()), ops.reshape(upper, ())
    grid_lower, grid_upper, scale, inverse = _nudged(lower, upper, int(num_bits), narrow_range)
    zero = ops.floor(ops.add(ops.multiply(ops.negative(grid_lower), inverse), 0.5))
    bounded = ops.clip(ops.cast(x, grid_lower.dtype), grid_lower, grid_upper)
    steps = ops.subtract(ops.multiply(ops.subtract(bounded, grid_lower), inverse), zero)
    rounded = ops.multiply(ops.floor(ops.add(steps, 0.5)), scale)
    dtype = standardize_dtype(x.dtype)
    through = _carrier(x, lower, upper, grid_lower, grid_upper, dtype)
    # The carrier minus itself is exactly 0 and has the carrier's gradient.
    return ops.add(
        ops.stop_gradient(ops.cast(rounded, dtype)),
        ops.subtract(through, ops.stop_gradient(through)),
    )


def _nudged(lower: Any, upper: Any, bits: int, narrow: bool) -> tuple[Any, Any, Any, Any]:
    """The ends of a range with zero on its grid, the distance of grid points, and its inverse."""
    dtype = result_type(standardize_dtype(lower.dtype), "float32")
    lower, upper = ops.cast(lower, dtype), ops.cast(upper, dtype)
    first, last = int(narrow), (1 << bits) - 1
    width = ops.subtract(upper, lower)
    scale, inverse = ops.divide(width, last - first), ops.divide(last - first, width)
    zero = ops.round(ops.clip(ops.subtract(first, ops.divide(lower, scale)), first, last))
    ends = (ops.multiply(ops.subtract(end, zero), scale) for end in (first, last))
    return *ends, scale, inverse  # type: ignore[return-value]


def _carrier(x: Any, lower: Any, upper: Any, grid_lower: Any, grid_upper: Any, dtype: str) -> Any:
    """A tensor whose gradient is the one wanted: to `x` inside, to the ends outside."""
    below, above = ops.less_equal(x, grid_lower), ops.greater_equal(x, grid_upper)
    inside = ops.logical_and(ops.greater_equal(x, grid_lower), ops.less_equal(x, grid_upper))
    parts = [
        ops.where(mask, ops.cast(value, dtype), ops.cast(0.0, dtype))
        for mask, value in ((inside, x), (below, lower), (above, upper))
    ]
    return ops.add(ops.add(parts[0], parts[1]), parts[2])
