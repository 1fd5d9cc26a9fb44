"""The functions of `keras.ops` that reduce or accumulate along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.core import convert_to_tensor
from graphc.keras.ops.uniform import attribute, operand, uniform

REDUCED = "x; axis=None, keepdims=False"
QUANTILES = "x, q; axis=None, method='linear', keepdims=False"

all = uniform("reduce.all", REDUCED)
any = uniform("reduce.any", REDUCED)
amax = uniform("reduce.max", REDUCED, "amax")
amin = uniform("reduce.min", REDUCED, "amin")
argmax = uniform("reduce.argmax", REDUCED)
argmin = uniform("reduce.argmin", REDUCED)
count_nonzero = uniform("reduce.count_nonzero", "x; axis=None")
cumprod = uniform("reduce.cumprod", "x; axis=None, dtype=None")
cumsum = uniform("reduce.cumsum", "x; axis=None, dtype=None")
in_top_k = uniform("reduce.in_top_k", "targets, predictions; k")
logsumexp = uniform("reduce.logsumexp", REDUCED)
max = uniform("reduce.max", "x; axis=None, keepdims=False, initial=None")
mean = uniform("reduce.mean", REDUCED)
median = uniform("reduce.median", REDUCED)
min = uniform("reduce.min", "x; axis=None, keepdims=False, initial=None")
nanargmax = uniform("reduce.nanargmax", REDUCED)
nanargmin = uniform("reduce.nanargmin", REDUCED)
nancumprod = uniform("reduce.nancumprod", "x; axis=None, dtype=None")
nancumsum = uniform("reduce.nancumsum", "x; axis=None, dtype=None")
nanmax = uniform("reduce.nanmax", REDUCED)
nanmean = uniform("reduce.nanmean", REDUCED)
nanmedian = uniform("reduce.nanmedian", REDUCED)
nanmin = uniform("reduce.nanmin", REDUCED)
nanpercentile = uniform("reduce.nanpercentile", QUANTILES)
nanprod = uniform("reduce.nanprod", REDUCED)
nanquantile = uniform("reduce.nanquantile", QUANTILES)
nanstd = uniform("reduce.nanstd", REDUCED)
nansum = uniform("reduce.nansum", REDUCED)
nanvar = uniform("reduce.nanvar", REDUCED)
percentile = uniform("reduce.percentile", QUANTILES)
prod = uniform("reduce.prod", "x; axis=None, keepdims=False, dtype=None")
ptp = uniform("reduce.ptp", REDUCED)
quantile = uniform("reduce.quantile", QUANTILES)
std = uniform("reduce.std", REDUCED)
sum = uniform("reduce.sum", REDUCED)
var = uniform("reduce.var", REDUCED)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """The mean of `x` along `axis`, weighted by `weights` if given."""
    return apply("reduce.average", operand(x), operand(weights), axis=attribute("axis", axis))


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Return the integral of `y` along `axis` by the trapezoidal rule, at `x` or `dx` apart."""
    return apply("reduce.trapezoid", operand(y), operand(x), dx=dx, axis=axis)


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """How often each of 0, 1, 2 ... occurs along the last axis of `x`; outside traces only."""
    _refuse_sparse(sparse)
    return apply("reduce.bincount", operand(x), operand(weights), minlength=minlength)


def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> Any:
    """The counts and the edges of equal-width bins over `range`, or over the data's."""
    return apply("reduce.histogram", operand(x), bins=bins, range=attribute("range", range))


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Whether all elements are equal within the tolerances, as a scalar tensor."""
    close = apply(
        "math.isclose", operand(x1), operand(x2), rtol=rtol, atol=atol, equal_nan=equal_nan
    )
    return all(close)


def segment_sum(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """Rows of `data` [N, ...] added up by segment id [N]: [num_segments, ...]."""
    return _segment("segment_sum", data, segment_ids, num_segments, sorted)


def segment_max(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """The largest of the rows of `data` [N, ...] by segment id [N]: [num_segments, ...]."""
    return _segment("segment_max", data, segment_ids, num_segments, sorted)


def segment_min(data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False) -> Any:
    """The smallest of the rows of `data` [N, ...] by segment id [N]: [num_segments, ...]."""
    return _segment("segment_min", data, segment_ids, num_segments, sorted)


def segment_prod(
    data: Any, segment_ids: Any, num_segments: Any = None, sorted: bool = False
) -> Any:
    """Rows of `data` [N, ...] multiplied by segment id [N]: [num_segments, ...]."""
    return _segment("segment_prod", data, segment_ids, num_segments, sorted)


def _segment(name: str, data: Any, segment_ids: Any, num_segments: Any, in_order: bool) -> Any:
    if num_segments is None:  # the number decides a shape, so the ids must be known now
        num_segments = int(np.max(np.asarray(convert_to_tensor(segment_ids)))) + 1
    return apply(
        f"reduce.{name}",
        operand(data),
        operand(segment_ids),
        num_segments=int(num_segments),
        sorted=in_order,
    )


def _refuse_sparse(sparse: bool) -> None:
    if sparse:
        raise ValueError("Sparse tensors are not supported. Expected sparse=False. Received: True")
