"""The elementwise functions of `keras.ops` against Keras's, in every dtype and every pair."""

from __future__ import annotations

import itertools

import pytest

from graphc.keras import ops
from tests.keras.ops.comparison import (
    ALL,
    COUNTS,
    FLOATS,
    WHOLE,
    Case,
    Tensor,
    assert_same,
    c,
    check_eager,
    check_symbolic,
    check_traced,
    chosen,
    drawn,
    eager_cases,
    t,
)

pytestmark = pytest.mark.oracle

UNARY = (
    "abs absolute angle arccosh arcsinh arctan cbrt ceil conj conjugate copy cos cosh deg2rad "
    "erf erfc exp exp2 expm1 fabs floor i0 imag isfinite isinf isnan isneginf isposinf isreal "
    "log log10 log1p log2 logical_not negative rad2deg real round rsqrt sign signbit sin sinc "
    "sinh sqrt square tan tanh trunc nan_to_num stop_gradient array celu elu gelu hard_shrink "
    "hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu relu relu6 selu sigmoid silu "
    "soft_shrink softplus softsign sparse_plus sparse_sigmoid squareplus swish tanh_shrink "
    "convert_to_tensor view_as_real zeros_like ones_like empty_like "
)
UNIT = ("arccos", "arcsin", "arctanh", "erfinv")  # defined between -1 and 1
BINARY = (
    "add arctan2 divide divide_no_nan equal floor_divide fmax fmin fmod greater greater_equal "
    "heaviside hypot isclose less less_equal logaddexp logaddexp2 logical_and logical_or "
    "logical_xor maximum minimum mod multiply nextafter not_equal power subtract true_divide "
)
INTEGERS = "bitwise_and bitwise_or bitwise_xor gcd lcm"
SHIFTS = "left_shift right_shift bitwise_left_shift bitwise_right_shift ldexp"

SIGNED = ("float32", "float16", "bfloat16", "int32", "bool")  # Keras negates without a sign

X = t(3, 4)
ABOVE = t(3, 4, low=1, high=3)
CASES = [
    *(c(name, X) for name in UNARY.split()),
    *(c(name, t(3, 4, low=-0.95, high=0.95)) for name in UNIT),
    c("reciprocal", ABOVE),
    c("round", t(3, 4, low=-200, high=200), decimals=1),
    c("round", t(3, 4, low=-200, high=200), decimals=-1),
    c("nan_to_num", X, nan=1.0, posinf=2.0, neginf=-3.0),
    c("clip", X, -0.5, 0.5),
    c("clip", X, 0, 1),
    c("clip", X, t(4, low=-1, high=0, batched=False), 1.5),
    c("celu", X, alpha=0.5),
    c("elu", X, alpha=0.5),
    c("gelu", X, approximate=False),
    c("glu", X),
    c("glu", X, axis=1),
    c("hard_shrink", X, threshold=1.0),
    c("leaky_relu", X, negative_slope=0.5),
    c("soft_shrink", X, threshold=1.0),
    c("squareplus", X, b=2),
    c("threshold", X, 0.5, -1.0),
    *(Case("softmax", (X,), {"axis": axis}, SIGNED) for axis in (-1, 0, (0, 1), None)),
    *(Case("log_softmax", (X,), {"axis": axis}, SIGNED) for axis in (-1, 0, (0, 1))),
    Case("log_sigmoid", (X,), {}, SIGNED),
    c("sparsemax", X),
    c("sparsemax", X, axis=0),
    *(c(name, X, t(3, 4)) for name in BINARY.split()),
    *(c(name, ABOVE, t(4, low=1, high=3, batched=False)) for name in BINARY.split()),
    *(Case(name, (X, t(3, 4)), {}, (*COUNTS, "int8")) for name in INTEGERS.split()),
    *(
        Case(name, (X, t(4, low=0, high=3, dtype="int32", batched=False)), {}, COUNTS)
        for name in SHIFTS.split()
    ),
    *(Case(name, (X,), {}, (*COUNTS, "int8")) for name in ("bitwise_not", "bitwise_invert")),
    *(Case(name, (X, t(3, 4, low=0, high=3)), {}, WHOLE) for name in SHIFTS.split()),
    c("isclose", X, X, rtol=0.1, atol=0.2, equal_nan=True),
    c("allclose", X, X),
    c("where", t(3, 4, dtype="bool"), X, t(3, 4)),
    c("where", t(3, 1, dtype="bool"), X, 0),
    c("where", t(3, 4, dtype="bool"), 1, X),
    c("where", X, X, 2.5),
    c("select", [t(3, 4, dtype="bool"), t(3, 4, dtype="bool")], [X, t(3, 4)], 5),
    *(c("cast", X, dtype) for dtype in ALL),
    *(c("saturate_cast", t(3, 4, low=-500, high=500), dtype) for dtype in COUNTS),
    # Keras clips 32-bit integers to the rounded limits of floats, which overflows.
    *(
        Case("saturate_cast", (t(3, 4, low=-500, high=500), dtype), {}, ("float32", "uint8"))
        for dtype in FLOATS
    ),
    Case("view", (X,), {"dtype": "int32"}, ("float32",)),
    Case("view", (X,), {"dtype": "uint8"}, ("float32", "int32")),
    Case("view_as_complex", (t(3, 2),), {}),
    Case("polar", (X, t(3, 4)), {}, FLOATS),
    Case("angle", (X,), {}, ("complex64",), symbolic=False),
    Case("view_as_real", (X,), {}, ("complex64",)),
    *(Case(name, (X,), {}, ("complex64",), symbolic=False) for name in ("real", "imag", "conj")),
]


@pytest.mark.parametrize(("case", "dtype"), eager_cases(CASES))
def test_values(keras, case, dtype):
    check_eager(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "symbolic"))
def test_keras_tensors(keras, case, dtype):
    check_symbolic(keras, case, dtype)


@pytest.mark.parametrize(("case", "dtype"), chosen(CASES, "traced"))
def test_traced(case, dtype):
    check_traced(case, dtype)


PAIRS = list(itertools.permutations(ALL, 2))


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("name", [*BINARY.split(), "where", "clip"])
def test_two_dtypes(keras, name, pair):
    x, y = (Tensor((3, 4), 1, 3, dtype) for dtype in pair)
    args = {"where": (t(3, 4, dtype="bool"), x, y), "clip": (x, y, 3)}.get(name, (x, y))
    check_eager(keras, c(name, *args), "float32")


@pytest.mark.parametrize("other", [2, 2.5, True], ids=str)
@pytest.mark.parametrize("dtype", ALL)
@pytest.mark.parametrize("name", BINARY.split())
def test_python_numbers_are_weak(keras, name, dtype, other):
    for args in ((ABOVE, other), (other, ABOVE)):
        check_eager(keras, c(name, *args), dtype)


@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "equal", "power"])
def test_python_numbers_are_weak_on_keras_tensors_and_symbols(keras, name):
    for dtype, other in itertools.product(ALL, (2, 2.5, True)):
        case = c(name, X, other)
        check_symbolic(keras, case, dtype)
        check_traced(case, dtype)


def test_lists_are_tensors(keras):
    for name in ("add", "maximum", "logical_and", "divide"):
        for x, y in (([1, 2], [3, 4]), ([1.0, 2.0], 2), ([[True], [False]], [1, 2])):
            assert_same(getattr(ops, name)(x, y), getattr(keras.ops, name)(x, y))


def test_drawn_numbers_repeat():
    case = c("add", X, t(3, 4))
    assert_same(drawn(case, "float16"), drawn(case, "float16"))
