"""Reductions and scans over axes: `reduce.*`. `axis` is an int, a tuple or None (all axes)."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import Axis, at_least_float32, inexact
from graphc.kernels.reference.table import register_table
from graphc.kernels.registry import op

REDUCTIONS = {
    "sum": jnp.sum, "prod": jnp.prod, "max": jnp.max, "min": jnp.min, "any": jnp.any,
    "all": jnp.all, "std": jnp.std, "median": jnp.median, "ptp": jnp.ptp,
    "count_nonzero": jnp.count_nonzero, "logsumexp": jax.scipy.special.logsumexp,
    "nansum": jnp.nansum, "nanprod": jnp.nanprod, "nanmax": jnp.nanmax, "nanmin": jnp.nanmin,
    "nanmean": jnp.nanmean, "nanstd": jnp.nanstd, "nanvar": jnp.nanvar,
    "nanmedian": jnp.nanmedian, "nanargmax": jnp.nanargmax, "nanargmin": jnp.nanargmin,
    "quantile": jnp.quantile, "percentile": jnp.percentile, "nanquantile": jnp.nanquantile,
    "nanpercentile": jnp.nanpercentile,
    "cumsum": jnp.cumsum, "cumprod": jnp.cumprod, "nancumsum": jnp.nancumsum,
    "nancumprod": jnp.nancumprod,
}  # fmt: skip

register_table("reduce", REDUCTIONS)


@op("reduce.mean")
def mean(x: ArrayLike, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean, accumulated in float32 or wider and returned in the dtype of `x` if floating."""
    array = inexact(x)
    result = jnp.mean(at_least_float32(array), axis=axis, keepdims=keepdims)
    return result.astype(array.dtype)


@op("reduce.var")
def var(x: ArrayLike, *, axis: Axis = None, keepdims: bool = False) -> Array:
    """The population variance, accumulated in float32 or wider."""
    array = inexact(x)
    result = jnp.var(at_least_float32(array), axis=axis, keepdims=keepdims)
    return result.astype(_real_dtype(array.dtype))


def _real_dtype(dtype: jnp.dtype) -> jnp.dtype:
    return jnp.finfo(dtype).dtype


@op("reduce.argmax")
def argmax(x: ArrayLike, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index (int32) of the first largest element along `axis`, or in the flattened `x`."""
    return jnp.argmax(_zeros_ordered(jnp.asarray(x)), axis=axis, keepdims=keepdims)


@op("reduce.argmin")
def argmin(x: ArrayLike, *, axis: int | None = None, keepdims: bool = False) -> Array:
    """Index (int32) of the first smallest element along `axis`, or in the flattened `x`."""
    return jnp.argmin(_zeros_ordered(jnp.asarray(x)), axis=axis, keepdims=keepdims)


def _zeros_ordered(x: Array) -> Array:
    """`x` with -0.0 just below 0.0, the order that Keras's argmax gives the two zeros."""
    if x.ndim == 0 or not jnp.issubdtype(x.dtype, jnp.floating):
        return x
    wide = at_least_float32(x)
    negative_zero = (wide == 0.0) & jnp.signbit(wide)
    return jnp.where(negative_zero, -jnp.finfo(wide.dtype).tiny, wide)


@op("reduce.average")
def average(x: ArrayLike, weights: ArrayLike | None, *, axis: Axis = None) -> Array:
    """The mean of `x` weighted by `weights` (shaped like `x`, or like its one reduced axis)."""
    array = inexact(x)
    if weights is None:
        return jnp.average(array, axis=axis)
    factors = jnp.asarray(weights)
    dtype = jnp.promote_types(array.dtype, factors.dtype)  # whole weights keep a narrow `x` narrow
    return jnp.average(array.astype(dtype), axis=axis, weights=factors.astype(dtype))


@op("reduce.bincount")
def bincount(
    x: ArrayLike, weights: ArrayLike | None, *, minlength: int = 0, length: int | None = None
) -> Array:
    """How often each of 0, 1, 2 ... occurs in `x` [N], or [B, N] counted by row.

    Under a trace `length` is needed: the static size of the result; larger values are dropped.
    """
    array = jnp.asarray(x)
    if array.ndim == 1:
        return jnp.bincount(array, weights=weights, minlength=minlength, length=length)
    rows = [None] * array.shape[0] if weights is None else jnp.asarray(weights)
    counts = [
        jnp.bincount(row, weights=weight, minlength=minlength, length=length)
        for row, weight in zip(array, rows, strict=True)
    ]
    return jnp.stack(counts)


def _segment(function: Callable[..., Array]) -> Callable[..., Array]:
    def reference(
        data: ArrayLike, segment_ids: ArrayLike, *, num_segments: int, sorted: bool = False
    ) -> Array:
        return function(
            jnp.asarray(data),
            jnp.asarray(segment_ids),
            num_segments,
            indices_are_sorted=sorted,
        )

    reference.__name__ = reference.__qualname__ = function.__name__
    reference.__doc__ = "Rows of `data` [N, ...] combined by segment id [N]: [num_segments, ...]."
    return reference


for _name in ("segment_sum", "segment_max", "segment_min", "segment_prod"):
    op(f"reduce.{_name}")(_segment(getattr(jax.ops, _name)))


@op("reduce.in_top_k")
def in_top_k(targets: ArrayLike, predictions: ArrayLike, *, k: int) -> Array:
    """Whether class `targets` [B] is among the `k` largest of `predictions` [B, C].

    Ties with the k-th place count as inside; a NaN score never is.
    """
    scores = jnp.asarray(predictions)
    chosen = jnp.take_along_axis(scores, jnp.expand_dims(jnp.asarray(targets), -1), axis=-1)
    chosen = jnp.where(jnp.isnan(chosen), -jnp.inf, chosen)
    return jnp.sum(scores > chosen, axis=-1) < k


@op("reduce.histogram")
def histogram(
    x: ArrayLike, *, bins: int = 10, range: tuple[float, float] | None = None
) -> tuple[Array, Array]:
    """Counts [bins] and edges [bins + 1] of equal-width bins over `range`, or over the data's."""
    return jnp.histogram(jnp.asarray(x), bins=bins, range=range)


@op("reduce.trapezoid")
def trapezoid(y: ArrayLike, x: ArrayLike | None, *, dx: float = 1.0, axis: int = -1) -> Array:
    """The integral of `y` along `axis` by the trapezoidal rule, at points `x` or `dx` apart."""
    points = None if x is None else jnp.asarray(x)
    return jnp.trapezoid(jnp.asarray(y), points, dx=dx, axis=axis)
