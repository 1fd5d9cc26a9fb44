"""Cases of the simple families: `math`, `reduce` and `shape`."""

from __future__ import annotations

from typing import Any

from graphc.kernels.cases.case import BATCH, WHOLE, Case, bools, floats, given, ints
from graphc.kernels.reference import elementwise, reduction

POSITIVE, UNIT = {"low": 0.2, "high": 3.0}, {"low": -0.9, "high": 0.9}
DOMAINS: dict[str, dict[str, float]] = {
    **dict.fromkeys(
        ("log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal", "lgamma", "digamma"),
        POSITIVE,
    ),
    **dict.fromkeys(("arcsin", "arccos", "arctanh", "erfinv"), UNIT),
    "arccosh": {"low": 1.2, "high": 3.0},
    "cbrt": POSITIVE,
    "tan": {"low": -1.2, "high": 1.2},
}
INTEGER_BINARY = (
    "gcd", "lcm", "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift",
)  # fmt: skip
POSITIVE_BINARY = ("divide", "floor_divide", "mod", "fmod", "power")


def _elementwise() -> list[Case]:
    cases = [
        Case(f"math.{name}", "floats", (floats(BATCH, 7, **DOMAINS.get(name, {})),))
        for name in (*elementwise.UNARY, *elementwise.INEXACT_UNARY, "trunc", "round", "nan_to_num")
        if name != "bitwise_not"
    ]
    cases.append(Case("math.bitwise_not", "ints", (ints(BATCH, 7),)))
    for name in (*elementwise.BINARY, "divide_no_nan", "isclose"):
        cases.extend(_binary(name))
    left, right = floats(BATCH, 3), floats(BATCH, 1)
    return [
        *cases,
        Case("math.where", "broadcast", (bools(BATCH, 1), left, floats(3))),
        Case("math.where", "rows", (bools(BATCH, 3), left, right)),
        Case("math.clip", "both", (left, given(-0.5), given(0.5))),
        Case("math.clip", "above", (left, None, right)),
        Case("math.polygamma", "floats", (ints(BATCH, high=3, low=1), floats(BATCH, **POSITIVE))),
        Case("math.complex", "floats", (left, right)),
    ]


def _binary(name: str) -> list[Case]:
    if name in INTEGER_BINARY:
        return [Case(f"math.{name}", "ints", (ints(BATCH, 7), ints(BATCH, 7, low=1)))]
    if name == "ldexp":
        return [Case("math.ldexp", "ints", (floats(BATCH, 7), ints(7)))]
    domain = POSITIVE if name in POSITIVE_BINARY else {}
    left, op = floats(BATCH, 7, **domain), f"math.{name}"
    return [
        Case(op, "rows", (left, floats(BATCH, 7, **domain))),
        Case(op, "column", (left, floats(BATCH, 1, **domain))),
        Case(op, "features", (left, floats(7, **domain))),
        Case(op, "outer", (floats(BATCH, 1, **domain), floats(BATCH, **domain))),
    ]


def _reductions() -> list[Case]:
    cases: list[Case] = []
    special = ("quantile", "percentile", "nanquantile", "nanpercentile")
    names = (*reduction.REDUCTIONS, "mean", "var", "argmax", "argmin")
    for name in names:
        inputs = (floats(BATCH, 6, 5), *((given(0.3),) if name in special else ()))
        cases += [
            Case(f"reduce.{name}", f"axis_{axis}", inputs, {"axis": axis}) for axis in (None, 0, 2)
        ]
    rows, ids = floats(BATCH, 3), ints(BATCH, high=6)
    cases += [
        Case(f"reduce.segment_{name}", "rows", (rows, ids), {"num_segments": 6})
        for name in ("sum", "max", "min", "prod")
    ]
    return [
        *cases,
        Case("reduce.sum", "keepdims", (floats(BATCH, 6, 5),), {"axis": (0, 1), "keepdims": True}),
        Case("reduce.average", "rows", (rows, rows), {"axis": 1}),
        Case("reduce.average", "plain", (rows, None), {"axis": 1}),
        Case("reduce.bincount", "weights", (ids, floats(BATCH)), {"length": 6}),
        Case("reduce.in_top_k", "rows", (ids, floats(BATCH, 6)), {"k": 2}),
        Case("reduce.histogram", "flat", (floats(BATCH),), {"bins": 5, "range": (-1.0, 1.0)}),
    ]


# Ops on one tensor [B, 6, 4]: name, then attributes.
ONE_TENSOR: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reshape", {"newshape": (BATCH, 8, 3)}), ("reshape", {"newshape": (-1, 8)}),
    ("ravel", {}), ("transpose", {"axes": (0, 2, 1)}), ("transpose", {"axes": (1, 0, 2)}),
    ("transpose", {}), ("expand_dims", {"axis": 1}), ("expand_dims", {"axis": 0}),
    ("broadcast_to", {"shape": (2, 4, 6, 4)}), ("swapaxes", {"axis1": 1, "axis2": 2}),
    ("swapaxes", {"axis1": 0, "axis2": 2}), ("moveaxis", {"source": 2, "destination": 1}),
    ("moveaxis", {"source": 0, "destination": 1}), ("flip", {"axis": 1}), ("flip", {"axis": 0}),
    ("flip", {}), ("roll", {"shift": 2, "axis": 1}), ("roll", {"shift": 2}), ("rot90", {"k": 1}),
    ("repeat", {"repeats": 2, "axis": 1}), ("repeat", {"repeats": 2}),
    ("tile", {"repeats": (1, 2, 1)}), ("tile", {"repeats": (2, 1, 1)}), ("tile", {"repeats": 2}),
    ("diagonal", {}), ("diagonal", {"axis1": 1, "axis2": 2}), ("tril", {}), ("triu", {"k": 1}),
    ("diff", {"axis": 1}), ("diff", {"axis": 0}), ("split", {"sections": 2, "axis": 1}),
    ("split", {"sections": (1, 3), "axis": -1}), ("split", {"sections": 2, "axis": 0}),
    ("array_split", {"sections": 4, "axis": 1}), ("unstack", {"axis": 1}), ("unstack", {"axis": 0}),
    ("pad", {"pad_width": ((0, 0), (1, 2), (0, 0))}), ("pad", {"pad_width": 1}),
    ("pad", {"pad_width": ((0, 0), (1, 1), (2, 1)), "constant_values": 1.0}),
    ("pad", {"pad_width": ((0, 0), (1, 1), (0, 0)), "mode": "reflect"}),
    ("getitem", {"index": (("slice", None, None, None), 2)}),
    ("getitem", {"index": (Ellipsis, ("slice", 1, None, 2))}), ("getitem", {"index": (0,)}),
    ("getitem", {"index": (("slice", None, None, -1),)}), ("getitem", {"index": (None,)}),
    ("slice", {"start_indices": (0, 1, 0), "shape": (BATCH, 3, 4)}),
    ("slice", {"start_indices": (1, 1, 0), "shape": (2, 3, -1)}),
    ("sort", {"axis": 1}), ("sort", {"axis": 0}), ("argsort", {"axis": 2}),
    ("sort", {"axis": None}),
    ("argpartition", {"kth": 2}), ("top_k", {"k": 2}),
)  # fmt: skip


def _one_tensor() -> list[Case]:
    x = floats(BATCH, 6, 4)
    return [
        Case(f"shape.{name}", f"{index}", (x,), attrs)
        for index, (name, attrs) in enumerate(ONE_TENSOR)
    ]


def _lookups() -> list[Case]:
    x = floats(BATCH, 6, 4)
    places = ints(5, high=4)
    rows = ints(BATCH, high=6)
    return [
        Case("shape.getitem", "array", (x, places), {"index": (WHOLE, ("array", 0))}),
        Case("shape.getitem", "lookup", (floats(6, 4), rows), {"index": (("array", 0),)}),
        Case(
            "shape.getitem", "apart", (x, ints(3, high=4)), {"index": (0, WHOLE, ("array", 0))}
        ),
        Case("shape.take", "features", (x, places), {"axis": 1}),
        Case("shape.take", "lookup", (floats(6, 4), rows), {"axis": 0}),
        Case("shape.take", "flat", (x, places), {"axis": None}),
        Case("shape.take_along_axis", "axis_1", (x, ints(BATCH, 2, 4, high=6)), {"axis": 1}),
        Case("shape.slice_dynamic", "part", (x, given(0, "int32"), given(1, "int32"),
             given(0, "int32")), {"shape": (2, 3, 4)}),
        Case("shape.slice_update", "part", (x, floats(BATCH, 2, 4), given(0, "int32"),
             given(1, "int32"), given(0, "int32"))),
        Case("shape.scatter", "add", (ints(BATCH, 1, high=6), floats(BATCH, 3)), {"shape": (6, 3)}),
        Case("shape.scatter_update", "add", (floats(6, 3), ints(BATCH, 1, high=6),
             floats(BATCH, 3)), {"reduction": "add"}),
        Case("shape.scatter_update", "set", (floats(6, 3), given([[1], [4]], "int32"),
             floats(2, 3))),
        Case("shape.unravel_index", "ints", (ints(BATCH, high=11),), {"shape": (3, 4)}),
        Case("shape.one_hot", "last", (rows,), {"num_classes": 6}),
        Case("shape.one_hot", "first", (rows,), {"num_classes": 6, "axis": 0}),
        Case("shape.multi_hot", "rows", (ints(BATCH, 3, high=6),), {"num_classes": 6}),
        Case("shape.multi_hot", "flat", (rows,), {"num_classes": 6}),
        Case("shape.searchsorted", "rows", (given([-1.0, 0.0, 1.0]), floats(BATCH, 3))),
        Case("shape.digitize", "rows", (floats(BATCH, 3), given([-1.0, 0.0, 1.0]))),
        Case("shape.isin", "rows", (rows, ints(3))),
        Case("shape.unique", "sized", (rows,), {"size": 4, "fill_value": 9}),
        Case("shape.vander", "vector", (floats(4),), {"n": 3}),
        Case("shape.depth_to_space", "last", (floats(BATCH, 2, 3, 8),), {"block_size": 2}),
        Case("shape.space_to_depth", "last", (floats(BATCH, 4, 6, 2),), {"block_size": 2}),
        Case("shape.full_like", "zeros", (x, given(0.0))),
        *_creations(),
    ]  # fmt: skip


def _creations() -> list[Case]:
    ends = (given(0.5), given(2.0))
    return [
        Case("shape.full", "ones", (), {"shape": (2, 3), "value": 1, "dtype": "float32"}),
        Case("shape.arange", "ints", (), {"start": 1, "stop": 9, "step": 2, "dtype": "int32"}),
        Case("shape.eye", "wide", (), {"n": 3, "m": 4, "k": 1, "dtype": "float32"}),
        Case("shape.tri", "square", (), {"n": 3, "dtype": "float32"}),
        *(Case(f"shape.{n}space", "five", ends, {"num": 5}) for n in ("lin", "log", "geom")),
        *(
            Case(f"shape.{name}", "nine", (), {"length": 9})
            for name in ("bartlett", "blackman", "hamming", "hanning")
        ),
        Case("shape.kaiser", "nine", (given(2.0),), {"length": 9}),
    ]


def _shapes() -> list[Case]:
    x = floats(BATCH, 6, 4)
    return [
        *_one_tensor(),
        Case("shape.squeeze", "middle", (floats(BATCH, 1, 4),), {"axis": 1}),
        Case("shape.squeeze", "all", (floats(BATCH, 1, 4),)),
        Case("shape.concatenate", "features", (x, x), {"axis": -1}),
        Case("shape.concatenate", "rows", (x, x), {"axis": 0}),
        Case("shape.stack", "new", (x, x), {"axis": 1}),
        Case("shape.stack", "front", (x, x), {"axis": 0}),
        Case("shape.append", "flat", (x, x)),
        Case("shape.meshgrid", "two", (floats(3), floats(4)), {"indexing": "ij"}),
        Case("shape.diag", "matrix", (floats(4, 4),)),
        Case("shape.diagflat", "vector", (floats(4),)),
        *_lookups(),
    ]


def small_cases() -> tuple[Case, ...]:
    """Cases for the families of simple ops: `math`, `reduce`, `shape`."""
    return (*_elementwise(), *_reductions(), *_shapes())
