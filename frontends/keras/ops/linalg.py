"""The functions of `keras.ops` on vectors and matrices."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import epsilon as default_epsilon
from graphc.keras.ops.elementwise import clip, maximum, rsqrt, square
from graphc.keras.ops.reduction import sum
from graphc.keras.ops.transforms import jvp  # noqa: F401 : `keras.ops.linalg` has it too
from graphc.keras.ops.uniform import operand, uniform

Function = Callable[..., Any]


def _check_matrix(x: Any, *rest: Any) -> None:
    if len(x.shape) < 2:
        raise ValueError(f"Expected input to have rank >= 2. Received shape: {tuple(x.shape)}")


def _check_square(x: Any, *rest: Any) -> None:
    _check_matrix(x)
    rows, columns = x.shape[-2:]
    if rows != columns:
        raise ValueError(f"Expected a square matrix. Received shape: {tuple(x.shape)}")


def _check_system(a: Any, b: Any, *rest: Any) -> None:
    _check_square(a)
    shared = len(a.shape) - len(b.shape)
    if not b.shape or (shared in (0, 1) and a.shape[-1] != b.shape[shared - 2]):
        raise ValueError(
            "Expected `b` to have as many rows as the square matrix `a`. "
            f"Received: a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}"
        )


def checked(check: Function, function: Function) -> Function:
    """Return the function with a check of the shapes of its first arguments."""
    signature = inspect.signature(function)

    @wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        values = signature.bind(*args, **kwargs).args
        check(*(operand(value) if isinstance(value, (list, tuple)) else value for value in values))
        return function(*args, **kwargs)

    return checking


cdist = uniform("linalg.cdist", "x, y")
cholesky = checked(_check_square, uniform("linalg.cholesky", "x; upper=False"))
cholesky_inverse = checked(_check_square, uniform("linalg.cholesky_inverse", "x; upper=False"))
corrcoef = uniform("linalg.corrcoef", "x")
correlate = uniform("linalg.correlate", "x1, x2; mode='valid'")
cross = uniform("linalg.cross", "x1, x2; axisa=-1, axisb=-1, axisc=-1, axis=None")
det = checked(_check_square, uniform("linalg.det", "x"))
dot = uniform("linalg.dot", "x1, x2")
eig = checked(_check_square, uniform("linalg.eig", "x"))
eigh = checked(_check_square, uniform("linalg.eigh", "x"))
inner = uniform("linalg.inner", "x1, x2")
inv = checked(_check_square, uniform("linalg.inv", "x"))
kron = uniform("linalg.kron", "x1, x2")
lstsq = uniform("linalg.lstsq", "a, b; rcond=None")
lu_factor = checked(_check_matrix, uniform("linalg.lu_factor", "x"))
matmul = uniform("linalg.matmul", "x1, x2")
matrix_rank = checked(_check_matrix, uniform("linalg.matrix_rank", "x; tol=None"))
norm = uniform("linalg.norm", "x; ord=None, axis=None, keepdims=False")
outer = uniform("linalg.outer", "x1, x2")
qr = checked(_check_matrix, uniform("linalg.qr", "x; mode='reduced'"))
slogdet = uniform("linalg.slogdet", "x")
solve = checked(_check_system, uniform("linalg.solve", "a, b"))
solve_triangular = checked(_check_system, uniform("linalg.solve_triangular", "a, b; lower=False"))
svd = checked(_check_matrix, uniform("linalg.svd", "x; full_matrices=True, compute_uv=True"))
tensordot = uniform("linalg.tensordot", "x1, x2; axes=2")
trace = uniform("linalg.trace", "x; offset=0, axis1=0, axis2=1")
vdot = uniform("linalg.vdot", "x1, x2")


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Return the Einstein summation that `subscripts` describes."""
    del kwargs  # hints about the order of contraction, which XLA does not need
    return apply("linalg.einsum", *(operand(x) for x in operands), subscripts=subscripts)


def logdet(x: Any) -> Any:
    """Return the logarithm of the determinant of a positive definite matrix."""
    return slogdet(x)[1]


def pinv(x: Any, rcond: float | None = None) -> Any:
    """Return the Moore-Penrose inverse; singular values below `rcond` times the largest are 0."""
    attrs = {} if rcond is None else {"rtol": rcond}
    return apply("linalg.pinv", operand(x), **attrs)


def normalize(x: Any, axis: int = -1, order: float = 2, epsilon: float | None = None) -> Any:
    """Return `x` divided by its norm of the given order along `axis`.

    Raises:
        ValueError: the order is not a positive whole number.
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Expected `order` to be an int >= 1. Received: order={order}")
    least = default_epsilon() if epsilon is None else epsilon
    x = operand(x)
    if order == 2:
        return x * rsqrt(maximum(sum(square(x), axis=axis, keepdims=True), least**2))
    return x / clip(norm(x, ord=order, axis=axis, keepdims=True), least, None)
