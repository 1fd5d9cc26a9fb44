"""Float8 with delayed scaling (Micikevicius et al. 2022, arXiv:2209.05433)."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from graphc.keras import ops


def compute_float8_scale(amax: Any, scale: Any, dtype_max: float, margin: int = 0) -> Any:
    """The factor that takes float8's range to that of values seen before.

    Args:
        amax: the largest magnitude seen.
        scale: the factor so far, which stays where `amax` is 0 or not finite.
        dtype_max: the largest number of the float8 type.
        margin: powers of two kept free.
    """
    inverse = ops.divide(ops.divide(dtype_max, amax), 2**margin)
    usable = ops.logical_and(ops.greater(amax, 0.0), ops.isfinite(amax))
    return ops.reciprocal(ops.where(usable, inverse, ops.reciprocal(scale)))


def compute_float8_amax_history(x: Any, amax_history: Any) -> Any:
    """A history [N] moved on by one, its first entry the largest magnitude of `x`."""
    newest = ops.cast(ops.max(ops.abs(x)), amax_history.dtype)
    rolled = ops.roll(amax_history, shift=-1)
    return ops.concatenate([ops.reshape(newest, (1,)), rolled[1:]], axis=0)


def quantize_and_dequantize(
    inputs: Any, scale: Any, quantized_dtype: str, compute_dtype: str
) -> Any:
    """Values rounded to what float8 can hold at a scale, in `compute_dtype`."""
    largest = float(jnp.finfo(quantized_dtype).max)
    factor = ops.cast(scale, compute_dtype)
    bounded = ops.clip(ops.divide(inputs, factor), -largest, largest)
    rounded = ops.cast(ops.cast(bounded, quantized_dtype), compute_dtype)
    return ops.multiply(rounded, factor)
