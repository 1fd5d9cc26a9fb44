"""The products, decompositions and transforms of `keras.ops` against Keras's."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.keras import ops
from tests.keras.ops.comparison import (
    FLOATS,
    Case,
    c,
    check_eager,
    check_symbolic,
    check_traced,
    chosen,
    eager_cases,
    fixed,
    t,
)

pytestmark = pytest.mark.oracle


def definite(x):
    return x @ np.swapaxes(x, -1, -2) + 2.0 * np.eye(x.shape[-1])


X, CUBE = t(3, 4), t(2, 3, 4)
MATRIX = fixed(3, 3, make=definite)
STACK = t(2, 3, 3, make=definite)
LOWER = fixed(3, 3, make=lambda x: np.tril(definite(x)))
SINGLE = ("float32",)

CASES = [
    c("matmul", X, fixed(4, 2)),
    c("matmul", CUBE, t(2, 4, 2)),
    c("matmul", CUBE, fixed(4)),
    Case("matmul", (fixed(3, 4), fixed(4, 2)), {}, ("int8",)),
    c("matmul", X, fixed(4, 2, dtype="int32")),
    c("dot", X, fixed(4, 2)),
    c("dot", CUBE, fixed(4)),
    c("dot", X, fixed(4, 2, dtype="float32")),
    c("inner", X, fixed(2, 4)),
    c("outer", fixed(3), fixed(2, 2)),
    c("vdot", X, X),
    c("kron", fixed(2, 3), fixed(3, 2)),
    c("tensordot", CUBE, fixed(4, 2), axes=1),
    c("tensordot", CUBE, fixed(3, 4, 2), axes=((1, 2), (0, 1))),
    c("tensordot", fixed(2, 3), fixed(2, 3)),
    c("cross", t(3, 3), t(3, 3)),
    c("cross", t(3, 2), t(3, 2)),
    c("cross", fixed(3, 4), fixed(3, 4), axis=0),
    c("einsum", "bij,bjk->bik", CUBE, t(2, 4, 2)),
    c("einsum", "bi,ij", X, fixed(4, 2)),
    c("einsum", "...i->...", CUBE),
    c("einsum", "bi,i->b", X, fixed(4, dtype="int32")),
    Case("einsum", ("ij,jk->ik", fixed(3, 4), fixed(4, 2)), {}, ("int8",)),
    c("trace", fixed(3, 4)),
    c("trace", CUBE, offset=1, axis1=1, axis2=2),
    c("cdist", CUBE, t(2, 5, 4)),
    Case("det", (MATRIX,), rtol=10.0),
    Case("det", (STACK,), {}, SINGLE, rtol=10.0),
    Case("slogdet", (STACK,), {}, SINGLE),
    Case("logdet", (STACK,), {}, SINGLE),
    Case("inv", (STACK,), {}, SINGLE, rtol=10.0),
    Case("inv", (MATRIX,), rtol=10.0),
    Case("pinv", (fixed(3, 4),), {}, SINGLE, rtol=10.0),
    Case("pinv", (fixed(4, 3),), {"rcond": 0.3}, SINGLE, rtol=10.0),
    Case("cholesky", (STACK,), {}, SINGLE),
    Case("cholesky", (MATRIX,)),
    Case("cholesky", (MATRIX,), {"upper": True}, SINGLE),
    Case("cholesky_inverse", (LOWER,), {}, SINGLE, rtol=10.0),
    Case("cholesky_inverse", (fixed(3, 3, make=lambda x: np.triu(definite(x))),),
         {"upper": True}, SINGLE, rtol=10.0),
    Case("qr", (fixed(4, 3),), {}, SINGLE),
    Case("qr", (fixed(4, 3),), {"mode": "complete"}, SINGLE),
    Case("svd", (fixed(4, 3),), {}, SINGLE, rtol=10.0),
    Case("svd", (t(2, 4, 3),), {"full_matrices": False}, SINGLE, rtol=10.0),
    Case("svd", (fixed(4, 3),), {"compute_uv": False}, SINGLE, rtol=10.0),
    Case("eig", (MATRIX,), {}, SINGLE, symbolic=False, rtol=10.0),
    Case("eigh", (STACK,), {}, SINGLE, rtol=10.0),
    Case("lu_factor", (STACK,), {}, SINGLE),
    Case("lu_factor", (fixed(3, 3),), {}, SINGLE),
    Case("solve", (MATRIX, fixed(3, 2)), {}, SINGLE, rtol=10.0),
    Case("solve", (fixed(2, 3, 3, make=definite), fixed(2, 3, 1)), {}, SINGLE, rtol=10.0),
    Case("solve", (MATRIX, fixed(3)), {}, SINGLE, rtol=10.0),
    Case("solve_triangular", (LOWER, fixed(3, 2)), {"lower": True}, SINGLE, rtol=10.0),
    Case("solve_triangular", (LOWER, fixed(3)), {"lower": True}, SINGLE, rtol=10.0),
    Case("lstsq", (fixed(4, 3), fixed(4, 2)), {}, SINGLE, rtol=10.0),
    Case("lstsq", (fixed(4, 3), fixed(4)), {"rcond": 0.2}, SINGLE, rtol=10.0),
    Case("matrix_rank", (fixed(4, 3),), {}, SINGLE),
    Case("matrix_rank", (t(2, 4, 3),), {"tol": 1.0}, SINGLE),
    Case("fft", ((X, t(3, 4)),), {}, FLOATS),
    Case("fft2", ((CUBE, t(2, 3, 4)),), {}, FLOATS),
    Case("ifft2", ((CUBE, t(2, 3, 4)),), {}, FLOATS),
    Case("rfft", (X,), {}, FLOATS),
    Case("rfft", (X,), {"fft_length": 6}, FLOATS),
    Case("irfft", ((X, t(3, 4)),), {}, FLOATS),
    Case("irfft", ((X, t(3, 4)),), {"fft_length": 5}, FLOATS),
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


REFUSED = [
    ("inv", (np.ones((2, 3), "f4"),)), ("det", (np.ones((2, 3), "f4"),)),
    ("cholesky", (np.ones(3, "f4"),)), ("solve", (np.ones((2, 3), "f4"), np.ones(3, "f4"))),
    ("solve", (np.eye(3, dtype="f4"), np.ones((2, 2), "f4"))), ("qr", (np.ones(3, "f4"),)),
    ("svd", (np.ones(3, "f4"),)), ("lu_factor", (np.ones(3, "f4"),)),
    ("eig", (np.ones((2, 3), "f4"),)), ("eigh", (np.ones((2, 3), "f4"),)),
    ("norm", (np.ones((2, 3, 4), "f4"), 2)), ("norm", (np.ones((2, 3), "f4"), "no")),
    ("cdist", (np.ones((2, 3), "f4"), np.ones((2, 4), "f4"))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args"), REFUSED, ids=[f"{i}-{r[0]}" for i, r in enumerate(REFUSED)]
)
def test_refused_as_by_keras(keras, name, args):
    with pytest.raises(Exception) as theirs:  # noqa: PT011 : whatever Keras raises
        getattr(keras.ops, name)(*args)
    with pytest.raises((theirs.type, ValueError)):
        getattr(ops, name)(*args)
