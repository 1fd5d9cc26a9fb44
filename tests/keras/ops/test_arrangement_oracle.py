"""The functions of `keras.ops` that rearrange, index and create, against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.keras import ops
from tests.keras.ops.comparison import (
    ALL,
    Case,
    assert_same,
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

X, CUBE, IMAGES = t(3, 4), t(2, 3, 4), t(2, 4, 6, 8)
SQUARE = t(3, 3)

CASES = [
    c("append", X, t(3, 4)),
    c("append", X, t(3, 2), axis=1),
    c("array_split", t(3, 7), 3, axis=1),
    Case("array_split", (t(7, 2), 3), {}, symbolic=False),
    c("broadcast_to", fixed(1, 4), (3, 4)),
    c("concatenate", [X, t(3, 2)], axis=1),
    c("concatenate", [X, X]),
    c("concatenate", [X, t(3, 4, dtype="int32")], axis=-1),
    c("depth_to_space", IMAGES, 2),
    c("depth_to_space", t(2, 8, 3, 4), 2, data_format="channels_first"),
    c("space_to_depth", IMAGES, 2),
    c("space_to_depth", t(2, 3, 4, 6), 2, data_format="channels_first"),
    c("diag", fixed(3)),
    c("diag", fixed(3, 4), k=1),
    c("diagflat", fixed(2, 2), k=-1),
    c("diagonal", CUBE, offset=1, axis1=1, axis2=2),
    c("diagonal", fixed(3, 4)),
    c("diff", X),
    c("diff", CUBE, n=2, axis=1),
    c("expand_dims", X, 1),
    c("expand_dims", X, (0, -1)),
    c("extract_sequences", t(2, 9), 4, 2),
    c("flip", X),
    c("flip", CUBE, axis=(1, 2)),
    c("fliplr", X),
    c("flipud", X),
    c("fold", t(2, 8, 4), (4, 4), 2, stride=2),
    c("fold", t(2, 12, 15), (6, 5), (3, 2), dilation=(1, 2), padding=1, stride=(2, 1)),
    c("unfold", t(2, 2, 4, 4), 2, stride=2),
    c("unfold", t(2, 2, 6, 5), (3, 2), dilation=(1, 2), padding=1, stride=(2, 1)),
    c("get_item", CUBE, (slice(None), 1)),
    c("get_item", CUBE, (..., slice(1, None, 2))),
    c("get_item", CUBE, 0),
    c("get_item", CUBE, (slice(None), None, -1)),
    c("hsplit", t(3, 4), 2),
    c("vsplit", fixed(4, 3), 2),
    c("dsplit", t(2, 3, 4), [1, 3]),
    c("hstack", [X, t(3, 2)]),
    c("hstack", [fixed(3), fixed(2)]),
    c("vstack", [X, t(2, 4)]),
    c("vstack", [fixed(4), fixed(4)]),
    c("dstack", [X, X]),
    c("dstack", [fixed(4), fixed(4)]),
    c("meshgrid", fixed(3), fixed(4)),
    c("meshgrid", fixed(3), fixed(4), indexing="ij"),
    c("moveaxis", CUBE, 0, -1),
    c("moveaxis", CUBE, (0, 1), (2, 0)),
    c("pad", X, 1),
    c("pad", X, ((1, 0), (0, 2)), constant_values=2),
    c("pad", X, ((0, 0), (1, 2)), mode="reflect"),
    c("pad", X, ((0, 0), (1, 2)), mode="symmetric"),
    c("ravel", CUBE),
    Case("rearrange", (fixed(2, 4, 3), "b (h s) c -> b s (c h)"), {"s": 2}),
    Case("rearrange", (fixed(2, 4, 3), "b h c -> (b h) c")),
    c("rearrange", CUBE, "b h c -> b c h"),
    c("repeat", X, 2),
    c("repeat", X, 2, axis=1),
    c("repeat", X, [1, 2, 0, 1], axis=1),
    c("reshape", CUBE, (-1, 6)),
    c("reshape", CUBE, (2, 2, 6)),
    c("roll", X, 2),
    c("roll", CUBE, (1, 2), axis=(1, 2)),
    c("rot90", SQUARE),
    c("rot90", CUBE, k=3, axes=(1, 2)),
    c("scatter", ids(3, 1, high=4), t(3, 2), (5, 2)),
    c("scatter", ids(3, 2, high=1), t(3), (2, 2)),
    *(c("scatter_update", fixed(4, 3), fixed(2, 1, dtype="int32", make=lambda x: [[0], [2]]),
        fixed(2, 3), reduction=r) for r in (None, "add", "max", "min", "mul")),
    c("slice", CUBE, (0, 1, 1), (2, 1, 2)),
    Case("slice", (CUBE, [0, 1, 2], (1, 2, 2)), {}, symbolic=False),
    c("slice_update", CUBE, (0, 1, 1), t(1, 1, 2)),
    c("split", t(2, 3, 4), 2, axis=2),
    c("split", CUBE, [1, 2], axis=1),
    c("squeeze", t(3, 1, 1)),
    c("squeeze", t(3, 1, 4), axis=1),
    c("squeeze", t(3, 1, 1, 4), axis=(1, 2)),
    c("stack", [X, X]),
    c("stack", [X, X], axis=-1),
    c("swapaxes", CUBE, 0, 2),
    c("take", X, ids(2, 2, high=3), axis=1),
    c("take", X, 1, axis=0),
    c("take", X, [-1, 0]),
    c("take_along_axis", X, ids(3, 2, high=3), axis=1),
    c("take_along_axis", fixed(12), fixed(5, dtype="int32", low=0, high=11)),
    c("tile", X, 2),
    c("tile", X, (1, 2)),
    c("tile", fixed(4), (2, 2)),
    c("transpose", CUBE),
    c("transpose", CUBE, axes=(1, 0, 2)),
    c("tril", SQUARE),
    c("triu", CUBE, k=1),
    c("unravel_index", ids(4, high=5), (2, 3)),
    c("unstack", CUBE, axis=1),
    Case("unstack", (CUBE,), {"num": 2}, symbolic=False),
    c("vander", fixed(3, low=0, high=2)),
    c("vander", fixed(3, low=0, high=2), N=2, increasing=True),
    c("one_hot", ids(3, 2, high=4), 4),
    c("one_hot", t(3, low=0, high=4), 4, axis=0, dtype="int32"),
    c("multi_hot", ids(3, 2, high=4), 5),
    c("multi_hot", fixed(3, low=0, high=4), 5, dtype="bool"),
    c("full_like", X, 2),
    c("full_like", X, 2.5, dtype="float32"),
    *(c(name, X, dtype="int32") for name in ("zeros_like", "ones_like", "empty_like")),
    Case("linspace", (fixed(3), fixed(3)), {"num": 4}),
    Case("linspace", (fixed(3), fixed(3)), {"num": 4, "endpoint": False, "axis": -1}),
    Case("logspace", (fixed(3, low=0, high=1), fixed(3, low=1, high=2)), {"num": 4}, rtol=10.0),
    Case("geomspace", (fixed(3, low=1, high=2), fixed(3, low=2, high=4)), {"num": 4}, rtol=10.0),
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


CREATED = [
    ("arange", (5,), {}), ("arange", (1, 4, 0.5), {}), ("arange", (3.0,), {}),
    ("arange", (3,), {"dtype": "bfloat16"}), ("arange", (6, 0, -2), {}),
    ("array", ([[1, 2], [3, 4]],), {}), ("array", ([1.5, 2],), {"dtype": "int32"}),
    ("empty", ((2, 3),), {}), ("eye", (3,), {}), ("eye", (3, 4), {"k": 1, "dtype": "int32"}),
    ("full", ((2, 3), 7), {}), ("full", (2, 0.5), {"dtype": "float16"}),
    ("full", ((2,), True), {}),
    ("identity", (3,), {}), ("identity", (3,), {"dtype": "bool"}),
    ("linspace", (0, 1), {"num": 5}), ("linspace", (0.0, 2.0), {"num": 4, "retstep": True}),
    ("linspace", (0, 10), {"num": 3, "dtype": "int32"}),
    ("linspace", (0.0, 2.0), {"num": 4, "endpoint": False, "retstep": True}),
    ("logspace", (0.0, 2.0), {"num": 3}), ("logspace", (0, 3), {"num": 4, "base": 2}),
    ("geomspace", (1.0, 8.0), {"num": 4}), ("geomspace", (1, 256), {"num": 9, "endpoint": False}),
    ("ones", ((2, 3),), {}), ("ones", (3,), {"dtype": "uint8"}), ("zeros", (3,), {}),
    ("zeros", ([2, 3],), {"dtype": "bool"}), ("tri", (3,), {}), ("tri", (3, 4), {"k": -1}),
    ("tri", (2, 3), {"dtype": "int32"}), ("bartlett", (7,), {}), ("blackman", (7,), {}),
    ("hamming", (7,), {}), ("hanning", (7,), {}), ("kaiser", (7, 2.0), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CREATED, ids=lambda x: str(x)[:40])
def test_created(keras, name, args, kwargs):
    assert_same(getattr(ops, name)(*args, **kwargs), getattr(keras.ops, name)(*args, **kwargs))


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")  # by Keras
@pytest.mark.parametrize("dtype", [*ALL, "float64", "int64", "uint32", "complex64"])
def test_conversion(keras, dtype):
    x = np.arange(4).astype(keras.backend.standardize_dtype(dtype) if dtype != "bfloat16" else "f4")
    assert_same(ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x))
    assert_same(ops.convert_to_tensor(x, dtype), keras.ops.convert_to_tensor(x, dtype))
    assert ops.dtype(x) == keras.ops.dtype(x)
    assert ops.shape(x) == keras.ops.shape(x)
    assert ops.size(x) == keras.ops.size(x)
    assert ops.ndim(x) == keras.ops.ndim(x)
    assert ops.is_tensor(ops.convert_to_tensor(x)) and not ops.is_tensor(x)
    assert isinstance(ops.convert_to_numpy(ops.convert_to_tensor(x)), np.ndarray)


@pytest.mark.parametrize("x", [1, 1.5, True, [1, 2], [1.0, 2.0], [[True]], np.float64(2), 2**40])
def test_conversion_of_python_values(keras, x):
    try:
        theirs = keras.ops.convert_to_tensor(x)
    except OverflowError:
        with pytest.raises(OverflowError):
            ops.convert_to_tensor(x)
        return
    assert_same(ops.convert_to_tensor(x), theirs)
