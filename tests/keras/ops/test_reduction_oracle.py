"""The reductions, scans and orders of `keras.ops` against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from tests.keras.ops.comparison import (
    COUNTS,
    FLOATS,
    Case,
    c,
    check_eager,
    check_symbolic,
    check_traced,
    chosen,
    eager_cases,
    fixed,
    ids,
    t,
)

pytestmark = pytest.mark.oracle

X, CUBE = t(3, 4), t(2, 3, 4)
HOLES = t(3, 4, make=lambda x: np.where(x > 0.5, np.nan, x))
PLAIN = "all any amax amin argmax argmin logsumexp max mean median min prod ptp std sum var"
SCANS = ["cumsum", "cumprod", "nancumsum", "nancumprod"]
NAN = (
    "nanargmax nanargmin nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar nancumsum "
    "nancumprod "
)
QUANTILES = {"quantile": 0.3, "percentile": 30.0, "nanquantile": 0.3, "nanpercentile": 30.0}
LEVELS = {"quantile": [0.1, 0.5], "percentile": [10.0, 50.0],
          "nanquantile": [0.1, 0.5], "nanpercentile": [10.0, 50.0]}  # fmt: skip
SEGMENTS = ("segment_sum", "segment_max", "segment_min", "segment_prod")

CASES = [
    *(c(name, X) for name in (*PLAIN.split(), *SCANS, "count_nonzero")),
    *(c(name, X, axis=1) for name in (*PLAIN.split(), *SCANS, "count_nonzero")),
    *(c(name, CUBE, axis=-2, keepdims=True) for name in PLAIN.split()),
    *(
        c(name, CUBE, axis=(0, 2))
        for name in (*PLAIN.split(), "count_nonzero")
        if name not in ("argmax", "argmin")
    ),
    *(Case(name, (HOLES,), {}, FLOATS) for name in NAN.split()),
    *(Case(name, (HOLES,), {"axis": 0}) for name in NAN.split()),
    *(Case(name, (X, q), {}) for name, q in QUANTILES.items()),
    *(Case(name, (CUBE, q), {"axis": 1}) for name, q in LEVELS.items()),
    *(Case("quantile", (X, 0.3), {"method": m, "axis": 1, "keepdims": True}, ("float32",))
      for m in ("lower", "higher", "nearest", "midpoint")),
    c("max", X, axis=0, initial=1),
    c("min", X, initial=0),
    c("cumsum", X, axis=0, dtype="int32"),
    c("prod", X, axis=1, dtype="float32"),
    c("prod", X, dtype="int32"),
    c("average", X),
    c("average", X, axis=0),
    c("average", X, axis=1, weights=fixed(4, low=1, high=3)),
    c("average", X, weights=t(3, 4, low=1, high=3, dtype="int32")),
    Case("bincount", (t(6, low=0, high=5),), {}, COUNTS[:2], symbolic=False, traced=False),
    Case("bincount", (t(6, low=0, high=3),), {"minlength": 5}, COUNTS[:2], False, False),
    Case("bincount", (t(2, 5, low=0, high=4),), {"minlength": 5}, COUNTS[:2], False, False),
    Case("bincount", (ids(6, high=4),), {"weights": fixed(6)}, symbolic=False, traced=False),
    c("histogram", t(9)),
    c("histogram", t(9), bins=4, range=(-1, 1)),
    c("in_top_k", ids(3, high=3), X, k=2),
    c("top_k", X, 2),
    c("top_k", CUBE, k=3, sorted=False),
    c("moments", CUBE, axes=[0, 1]),
    c("moments", CUBE, axes=[0], keepdims=True),
    c("norm", X),
    c("norm", X, axis=1),
    c("norm", X, ord=1, axis=0, keepdims=True),
    *(c("norm", X, ord=ord) for ord in (1, 2, -1, -2, "fro", "nuc", np.inf, -np.inf)),
    *(c("norm", CUBE, ord=ord, axis=1) for ord in (0, 1, 3, np.inf, -np.inf)),
    c("norm", CUBE, ord="fro", axis=(1, 2)),
    c("normalize", X),
    c("normalize", X, axis=0, order=3),
    c("normalize", X, order=1, epsilon=10.0),
    *(c(name, t(4, 2), ids(4), num_segments=3) for name in SEGMENTS),
    *(Case(name, (t(4, 2), ids(4, make=np.sort)),
           {"sorted": True, "num_segments": 4}) for name in SEGMENTS),
    *(Case(name, (t(4), ids(4)), {}, symbolic=False, traced=False) for name in SEGMENTS),
    c("trapezoid", X),
    c("trapezoid", X, dx=0.5, axis=0),
    Case("trapezoid", (X, fixed(4, make=np.sort)), {}, symbolic=False),
    c("sort", X),
    c("sort", X, axis=0),
    c("argsort", X),
    c("argsort", X, axis=0),
    c("argpartition", t(6), 2),
    Case("searchsorted", (fixed(5, make=np.sort), fixed(2, 3)), {}),
    Case("searchsorted", (fixed(5, make=np.sort), fixed(2, 3)), {"side": "right"}),
    c("digitize", X, fixed(4, make=np.sort)),
    c("digitize", X, [-1.0, 0.0, 1.0]),
    c("isin", X, fixed(5)),
    c("isin", X, [0, 1], invert=True),
    Case("unique", (t(6),), {}, symbolic=False, traced=False),
    Case("unique", (t(6),), {"size": 4, "fill_value": 1}, symbolic=False),
    Case("unique", (t(6),), {"return_inverse": True, "return_index": True, "return_counts": True},
         symbolic=False, traced=False),
    Case("unique", (t(3, 2, high=1),), {"axis": 0}, symbolic=False, traced=False),
    Case("nonzero", (X,), {}, symbolic=False, traced=False),
    Case("where", (X,), {}, symbolic=False, traced=False),
    c("median", CUBE, axis=[1, 2]),
    c("corrcoef", X),
    c("correlate", t(7), fixed(3)),
    c("correlate", t(7), fixed(3), mode="same"),
    c("correlate", t(3), fixed(5), mode="full"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "dtype"), eager_cases(CASES))
def test_values(keras, case, dtype):
    check_eager(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "symbolic"))
def test_keras_tensors(keras, case, dtype):
    check_symbolic(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "traced"))
def test_traced(case, dtype):
    check_traced(case, dtype)
