"""`graphc.keras.ops` against Keras's own functions: equal numbers, shapes and dtypes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from graphc.keras import KerasTensor, ops

keras = pytest.importorskip("keras")
pytestmark = pytest.mark.oracle

DTYPES = ("float32", "bfloat16", "uint8", "bool")
PAIRS = (
    ("float32", "float32"),
    ("float32", "int32"),
    ("bfloat16", "float32"),
    ("uint8", "bfloat16"),
    ("int32", "uint8"),
    ("bool", "int32"),
)
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(3, 4)).astype("float32")
POSITIVE = np.abs(MATRIX) + 0.1
CUBE = RNG.normal(size=(2, 3, 4)).astype("float32")
SQUARE = MATRIX[:, :3] @ MATRIX[:, :3].T + np.eye(3, dtype="float32")
IMAGES = RNG.normal(size=(2, 6, 7, 4)).astype("float32")
HOLES = np.where(MATRIX > 0.5, np.nan, MATRIX)
KERNEL = RNG.normal(size=(3, 3, 4, 6)).astype("float32")
IDS = np.array([0, 2, 1])
PROBABILITIES = POSITIVE / POSITIVE.sum(-1, keepdims=True)
ONE_HOT = np.eye(4, dtype="float32")[[0, 3, 1]]

UNARY = (
    "abs absolute arccos arcsin arcsinh arctan arctanh bitwise_not cbrt ceil conj copy cos cosh "
    "deg2rad erf exp exp2 expm1 fabs floor isfinite isinf isnan logical_not negative rad2deg real "
    "reciprocal round sign signbit sin sinc sinh sqrt square tan tanh trunc celu elu gelu "
    "hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax relu relu6 selu sigmoid "
    "silu softmax softplus softsign sparse_plus sparse_sigmoid squareplus tanh_shrink soft_shrink "
    "hard_shrink sparsemax "
)
BINARY = (
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin greater greater_equal hypot "
    "less less_equal logaddexp logical_and logical_or logical_xor maximum minimum mod multiply "
    "not_equal power subtract true_divide "
)
REDUCTIONS = (
    "all any amax amin argmax argmin count_nonzero cumsum cumprod logsumexp max mean median min "
    "prod std sum var "
)

# Keras's own function fails, or its answer depends on the platform, for these dtypes.
FLOATS_ONLY = {
    "sparse_plus", "sparse_sigmoid", "squareplus", "soft_shrink", "hard_shrink", "sparsemax",
    "celu", "selu", "elu", "leaky_relu", "log_softmax", "log_sigmoid", "gelu", "hard_tanh",
    "hard_sigmoid", "hard_silu", "relu6", "relu", "softplus", "softsign", "silu", "softmax",
    "sigmoid", "tanh_shrink", "erf", "sinc", "fabs", "real", "conj",
}  # fmt: skip
NO_FLOATS = {"bitwise_not"}
NO_BOOLS = {"round", "negative", "sign", "signbit", "reciprocal", "subtract", "floor_divide", "mod",
            "arctan2", "power", "divide_no_nan", "hypot", "logaddexp"}  # fmt: skip


def numbers(dtype: str) -> np.ndarray:
    if dtype == "bool":
        return MATRIX > 0
    if dtype in ("int32", "uint8"):
        return np.arange(12).reshape(3, 4).astype(dtype) % 5
    return keras.ops.convert_to_numpy(keras.ops.cast(MATRIX, dtype))


def runs(name: str, dtype: str) -> bool:
    if name in FLOATS_ONLY and dtype not in ("float32", "bfloat16"):
        return False
    if name in NO_BOOLS and dtype == "bool":
        return False
    return not (name in NO_FLOATS and dtype in ("float32", "bfloat16"))


def assert_same(ours, theirs, rtol=1e-5) -> None:
    assert type(ours) in (tuple, list) if isinstance(theirs, (tuple, list)) else True
    if isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for mine, one in zip(ours, theirs, strict=True):
            assert_same(mine, one, rtol)
        return
    ours, theirs = ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    exact = theirs.dtype.kind in "biu"
    wide = (ours, theirs) if exact else (ours.astype("float64"), theirs.astype("float64"))
    narrow = theirs.dtype.name in ("bfloat16", "float16")
    np.testing.assert_allclose(*wide, rtol=1e-2 if narrow else rtol, atol=0 if exact else 1e-6)


@pytest.mark.filterwarnings("ignore:invalid value|divide by zero")
@pytest.mark.parametrize(
    ("name", "dtype"), [(n, d) for n in UNARY.split() for d in DTYPES if runs(n, d)]
)
def test_unary(name, dtype):
    x = numbers(dtype)
    assert_same(getattr(ops, name)(x), getattr(keras.ops, name)(x))


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("name", BINARY.split())
def test_binary(name, pair):
    if not all(runs(name, dtype) for dtype in pair):
        pytest.skip("Keras does not define it")
    x, y = numbers(pair[0]), np.flip(numbers(pair[1]))
    if name in ("floor_divide", "mod", "power"):
        x, y = (numbers(d) + np.ones((), d) for d in pair)
    assert_same(getattr(ops, name)(x, y), getattr(keras.ops, name)(x, y), rtol=1e-4)


@pytest.mark.parametrize("other", [2, 2.5, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "greater", "divide"])
def test_python_scalars_are_weak(name, dtype, other):
    x = numbers(dtype)
    assert_same(getattr(ops, name)(x, other), getattr(keras.ops, name)(x, other))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", REDUCTIONS.split())
def test_reductions(name, dtype):
    x = numbers(dtype)
    for settings in ({}, {"axis": 1}, {"axis": -1, "keepdims": True}):
        if name in ("count_nonzero", "cumsum", "cumprod"):
            settings.pop("keepdims", None)
        if (name, dtype) == ("logsumexp", "bool"):
            continue
        assert_same(getattr(ops, name)(x, **settings), getattr(keras.ops, name)(x, **settings))


CASES = [
    ("allclose", (MATRIX, MATRIX + 1e-9), {}),
    ("append", (MATRIX, MATRIX), {"axis": 0}),
    ("arange", (5,), {}),
    ("arange", (1, 4, 0.5), {}),
    ("arange", (3,), {"dtype": "float32"}),
    ("argpartition", (MATRIX, 1), {}),
    ("argsort", (MATRIX,), {"axis": 0}),
    ("array", ([[1, 2], [3, 4]],), {}),
    ("array_split", (MATRIX, 3), {"axis": 1}),
    ("average", (MATRIX,), {"axis": 0}),
    ("average", (MATRIX,), {"axis": 0, "weights": np.array([1.0, 2.0, 3.0], "float32")}),
    ("average_pool", (IMAGES, 2), {"strides": 2}),
    ("average_pool", (IMAGES, (3, 2)), {"strides": (2, 2), "padding": "same"}),
    ("batch_normalization", (MATRIX, MATRIX[0], POSITIVE[0], -1), {"offset": MATRIX[1]}),
    ("binary_crossentropy", (MATRIX > 0, PROBABILITIES), {}),
    ("binary_crossentropy", (ONE_HOT[:, :4], MATRIX), {"from_logits": True}),
    ("bincount", (np.array([1, 1, 3]),), {"minlength": 5}),
    ("broadcast_to", (MATRIX[0], (3, 4)), {}),
    ("categorical_crossentropy", (ONE_HOT, PROBABILITIES), {}),
    ("categorical_crossentropy", (ONE_HOT, MATRIX), {"from_logits": True}),
    ("cdist", (MATRIX, MATRIX + 1), {}),
    ("cholesky", (SQUARE,), {}),
    ("clip", (MATRIX, -0.5, 0.5), {}),
    ("clip", (np.arange(5), 1, 3), {}),
    ("concatenate", ([MATRIX, MATRIX],), {"axis": 1}),
    ("concatenate", ([IDS, IDS.astype("float32")],), {}),
    ("conv", (IMAGES, KERNEL), {}),
    ("conv", (IMAGES, KERNEL[:, :, :2]), {"strides": (2, 1), "padding": "same"}),
    ("conv", (IMAGES, KERNEL), {"dilation_rate": 2}),
    ("conv_transpose", (IMAGES, np.swapaxes(KERNEL, 2, 3)), {"strides": 2, "padding": "same"}),
    ("cross", (MATRIX[:, :3], MATRIX[:, 1:]), {}),
    ("depthwise_conv", (IMAGES, KERNEL[..., :2]), {"padding": "same"}),
    ("det", (SQUARE,), {}),
    ("diag", (MATRIX[0],), {}),
    ("diagonal", (MATRIX,), {"offset": 1}),
    ("diff", (MATRIX,), {}),
    ("digitize", (MATRIX, np.array([-1.0, 0.0, 1.0], "float32")), {}),
    ("dot", (MATRIX, MATRIX.T), {}),
    ("dstack", ([MATRIX, MATRIX],), {}),
    ("eigh", (SQUARE,), {}),
    ("einsum", ("ij,kj->ik", MATRIX, MATRIX), {}),
    ("expand_dims", (MATRIX, 1), {}),
    ("expand_dims", (MATRIX, (0, -1)), {}),
    ("eye", (3,), {}),
    ("eye", (3, 4), {"k": 1, "dtype": "int32"}),
    ("flip", (MATRIX,), {"axis": 1}),
    ("fliplr", (MATRIX,), {}),
    ("full", ((2, 3), 7), {}),
    ("full", ((2, 3), 7), {"dtype": "int32"}),
    ("full_like", (IDS.astype("int32"), 2), {}),
    ("get_item", (CUBE, (slice(None), 1)), {}),
    ("glu", (MATRIX,), {}),
    ("hstack", ([MATRIX, MATRIX],), {}),
    ("identity", (3,), {}),
    ("in_top_k", (IDS, MATRIX), {"k": 2}),
    ("inner", (MATRIX, MATRIX), {}),
    ("inv", (SQUARE,), {}),
    ("isclose", (MATRIX, MATRIX + 1e-9), {}),
    ("isin", (IDS, np.array([0, 5])), {}),
    ("kron", (MATRIX, SQUARE), {}),
    ("layer_normalization", (MATRIX,), {"gamma": MATRIX[0], "beta": MATRIX[1]}),
    ("linspace", (0, 1), {"num": 5}),
    ("linspace", (0.0, 2.0), {"num": 4, "endpoint": False, "retstep": True}),
    ("logspace", (0.0, 2.0), {"num": 3}),
    ("matmul", (CUBE, MATRIX.T), {}),
    ("max", (MATRIX,), {"axis": 0, "initial": 0.5}),
    ("max_pool", (IMAGES, 2), {"strides": 2}),
    ("max_pool", (IMAGES, (3, 2)), {"strides": (2, 1), "padding": "same"}),
    ("mean", (IMAGES,), {"axis": [1, 2]}),
    ("meshgrid", (IDS, MATRIX[0]), {"indexing": "ij"}),
    ("moments", (IMAGES,), {"axes": [0, 1, 2]}),
    ("moveaxis", (CUBE, 0, -1), {}),
    ("multi_hot", (np.array([[0, 2], [1, 1]]), 3), {}),
    ("nan_to_num", (HOLES,), {"nan": 3.0}),
    ("nanmax", (HOLES,), {"axis": 0}),
    ("nanmean", (HOLES,), {}),
    ("nansum", (HOLES,), {"axis": 1}),
    ("ndim", (CUBE,), {}),
    ("nonzero", (MATRIX > 0,), {}),
    ("norm", (MATRIX,), {"axis": 1}),
    ("norm", (MATRIX,), {"ord": 1, "axis": 1, "keepdims": True}),
    ("normalize", (MATRIX,), {}),
    ("normalize", (MATRIX,), {"axis": 0, "order": 3}),
    ("one_hot", (IDS, 4), {}),
    ("one_hot", (IDS, 4), {"axis": 0, "dtype": "int32"}),
    ("ones", ((2, 3),), {}),
    ("ones_like", (IDS.astype("int32"),), {}),
    ("ones_like", (MATRIX,), {"dtype": "bool"}),
    ("outer", (IDS, MATRIX[0]), {}),
    ("pad", (MATRIX, ((1, 0), (0, 2))), {}),
    ("pad", (MATRIX, 1), {"mode": "reflect"}),
    ("pad", (MATRIX, ((1, 1), (0, 0))), {"constant_values": 2}),
    ("percentile", (MATRIX, 30.0), {"axis": 1}),
    ("qr", (MATRIX,), {}),
    ("quantile", (MATRIX, 0.3), {}),
    ("ravel", (CUBE,), {}),
    ("repeat", (MATRIX, 2), {"axis": 1}),
    ("repeat", (MATRIX, np.array([1, 0, 2])), {"axis": 0}),
    ("reshape", (CUBE, (4, -1)), {}),
    ("reshape", (CUBE, -1), {}),
    ("rms_normalization", (MATRIX,), {"scale": MATRIX[0]}),
    ("roll", (MATRIX, 1), {"axis": 1}),
    ("rot90", (MATRIX,), {}),
    ("saturate_cast", (MATRIX * 300, "uint8"), {}),
    ("scatter", (np.array([[0], [2]]), MATRIX[:2], (3, 4)), {}),
    ("scatter_update", (MATRIX, np.array([[0, 1]]), np.array([9.0], "float32")), {}),
    ("searchsorted", (np.array([1, 3, 5]), IDS), {}),
    ("segment_max", (MATRIX, np.array([0, 1, 1]), 3), {}),
    ("segment_sum", (MATRIX, np.array([0, 0, 1]), 3), {}),
    ("select", ([MATRIX > 1, MATRIX > 0], [MATRIX, -MATRIX], 5), {}),
    ("separable_conv", (IMAGES, KERNEL[..., :1], KERNEL[:1, :1]), {}),
    ("shape", (CUBE,), {}),
    ("size", (CUBE,), {}),
    ("slice", (CUBE, (0, 1, 1), (2, 1, 2)), {}),
    ("slice_update", (CUBE, (0, 1, 1), np.zeros((1, 1, 2), "float32")), {}),
    ("slogdet", (SQUARE,), {}),
    ("solve", (SQUARE, MATRIX), {}),
    ("solve_triangular", (np.tril(SQUARE), MATRIX), {"lower": True}),
    ("sort", (MATRIX,), {"axis": 0}),
    ("sparse_categorical_crossentropy", (IDS, PROBABILITIES), {}),
    ("sparse_categorical_crossentropy", (IDS[:, None], MATRIX), {"from_logits": True}),
    ("split", (CUBE, 2), {"axis": 2}),
    ("split", (CUBE, [1, 2]), {"axis": 1}),
    ("squeeze", (MATRIX[:1],), {}),
    ("squeeze", (MATRIX[None],), {"axis": 0}),
    ("stack", ([MATRIX, MATRIX],), {"axis": 1}),
    ("std", (MATRIX,), {"axis": (0, 1)}),
    ("swapaxes", (CUBE, 0, 2), {}),
    ("take", (MATRIX, IDS), {"axis": 1}),
    ("take", (MATRIX, -1), {"axis": 0}),
    ("take_along_axis", (MATRIX, IDS[:, None]), {"axis": 1}),
    ("tensordot", (CUBE, MATRIX), {"axes": [[1, 2], [0, 1]]}),
    ("threshold", (MATRIX, 0.2, -1.0), {}),
    ("tile", (MATRIX, (2, 1)), {}),
    ("top_k", (MATRIX, 2), {}),
    ("trace", (SQUARE,), {}),
    ("transpose", (CUBE,), {}),
    ("transpose", (CUBE,), {"axes": [1, 0, 2]}),
    ("tri", (3,), {}),
    ("tril", (SQUARE,), {}),
    ("unique", (np.array([3, 1, 3]),), {"return_counts": True}),
    ("unravel_index", (np.array([1, 5]), (2, 3)), {}),
    ("unstack", (MATRIX,), {"axis": 1}),
    ("var", (IMAGES,), {"axis": (1, 2), "keepdims": True}),
    ("vdot", (IDS, IDS), {}),
    ("vstack", ([MATRIX[0], MATRIX],), {}),
    ("where", (MATRIX > 0, MATRIX, 0), {}),
    ("where", (MATRIX > 0, 1, 2.5), {}),
    ("where", (MATRIX > 0,), {}),
    ("zeros", (3,), {}),
    ("zeros_like", (CUBE,), {}),
]


@pytest.mark.parametrize(
    ("name", "args", "kwargs"), CASES, ids=[f"{i}-{c[0]}" for i, c in enumerate(CASES)]
)
def test_function(name, args, kwargs):
    ours, theirs = getattr(ops, name)(*args, **kwargs), getattr(keras.ops, name)(*args, **kwargs)
    assert_same(ours, theirs, rtol=1e-4 if name in ("inv", "solve", "det", "eigh") else 1e-5)


@pytest.mark.parametrize("name", [n for n in dir(ops) if n[0].islower()])
def test_signatures_are_those_of_keras(name):
    theirs = getattr(keras.ops, name, None)
    if not inspect.isfunction(theirs):
        pytest.skip("a module, or a function that Keras writes in another way")
    ours = inspect.signature(getattr(ops, name)).parameters.values()
    expected = inspect.signature(theirs).parameters.values()
    assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in expected]


@pytest.mark.parametrize("dtype", ["float64", "int64", "float16", "uint8", "bool"])
def test_conversion(dtype):
    x = np.arange(4).astype(dtype)
    assert_same(ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x))
    assert_same(ops.convert_to_tensor(x, "float32"), keras.ops.convert_to_tensor(x, "float32"))
    assert ops.dtype(x) == keras.backend.standardize_dtype(x.dtype)


@pytest.mark.parametrize("x", [1, 1.5, True, [1, 2], [1.0, 2.0], [[True]], np.float64(2)])
def test_conversion_of_python_values(x):
    assert_same(ops.convert_to_tensor(x), keras.ops.convert_to_tensor(x))


SYMBOLIC = [
    ("add", ((None, 3), (3,)), {}),
    ("add", ((None, 1, 3), (None, 4, 1)), {}),
    ("relu", ((None, 3),), {}),
    ("softmax", ((None, 3),), {}),
    ("mean", ((None, 3, 4),), {"axis": [1, 2]}),
    ("sum", ((None, 3, 4),), {"axis": -1, "keepdims": True}),
    ("max", ((None, 3),), {}),
    ("argmax", ((None, 3),), {"axis": -1}),
    ("matmul", ((None, 3, 4), (4, 5)), {}),
    ("dot", ((None, 3), (3, 2)), {}),
    ("reshape", ((None, 3, 4),), {"newshape": (-1, 12)}),
    ("transpose", ((None, 3, 4),), {"axes": (0, 2, 1)}),
    ("expand_dims", ((None, 3),), {"axis": 1}),
    ("squeeze", ((None, 1, 3),), {"axis": 1}),
    ("cast", ((None, 3),), {"dtype": "int32"}),
    ("one_hot", ((None, 3),), {"num_classes": 5}),
    ("top_k", ((None, 5),), {"k": 2}),
    ("pad", ((None, 5),), {"pad_width": ((0, 0), (1, 2))}),
    ("repeat", ((None, 5),), {"repeats": 2, "axis": 1}),
    ("split", ((None, 6),), {"indices_or_sections": 3, "axis": 1}),
    ("max_pool", ((None, 6, 6, 3),), {"pool_size": 2, "strides": 2}),
    ("conv", ((None, 6, 6, 3), (3, 3, 3, 4)), {"padding": "same"}),
    ("zeros_like", ((None, 6),), {}),
    ("equal", ((None, 6), (None, 6)), {}),
    ("norm", ((None, 6),), {"axis": -1}),
    ("categorical_crossentropy", ((None, 6), (None, 6)), {}),
    ("moments", ((None, 6),), {"axes": [0]}),
]


@pytest.mark.parametrize(("name", "shapes", "kwargs"), SYMBOLIC)
def test_keras_tensors(name, shapes, kwargs):
    results = []
    for library in (ops, keras.ops):
        tensor = KerasTensor if library is ops else keras.KerasTensor
        found = getattr(library, name)(*(tensor(shape) for shape in shapes), **kwargs)
        many = found if isinstance(found, (list, tuple)) else [found]
        results.append([(one.shape, one.dtype) for one in many])
    assert results[0] == results[1]


def test_lists_of_keras_tensors():
    x = KerasTensor((None, 3))
    assert ops.concatenate([x, x], axis=1).shape == (None, 6)
    assert ops.stack([x, x], axis=1).shape == (None, 2, 3)
    assert ops.einsum("bi,bj->bij", x, x).shape == (None, 3, 3)
    assert ops.where(x > 0, x, 0.0).dtype == "float32"
    assert (x[:, 1:] * 2 + 1).shape == (None, 2)
    assert ops.shape(x) == (None, 3)
    assert ops.size(x) is None
    assert not ops.is_tensor(x)
