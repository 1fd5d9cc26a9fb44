"""The functions of `keras.ops` on vectors and matrices."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import epsilon as default_epsilon
from graphc.keras.ops.elementwise import clip, maximum, rsqrt, square
from graphc.keras.ops.reduction import sum
from graphc.keras.ops.uniform import operand, uniform

cdist = uniform("linalg.cdist", "x, y")
cholesky = uniform("linalg.cholesky", "x; upper=False")
cholesky_inverse = uniform("linalg.cholesky_inverse", "x; upper=False")
corrcoef = uniform("linalg.corrcoef", "x")
correlate = uniform("linalg.correlate", "x1, x2; mode='valid'")
cross = uniform("linalg.cross", "x1, x2; axisa=-1, axisb=-1, axisc=-1, axis=None")
det = uniform("linalg.det", "x")
dot = uniform("linalg.dot", "x1, x2")
eig = uniform("linalg.eig", "x")
eigh = uniform("linalg.eigh", "x")
inner = uniform("linalg.inner", "x1, x2")
inv = uniform("linalg.inv", "x")
kron = uniform("linalg.kron", "x1, x2")
lstsq = uniform("linalg.lstsq", "a, b; rcond=None")
lu_factor = uniform("linalg.lu_factor", "x")
matmul = uniform("linalg.matmul", "x1, x2")
matrix_rank = uniform("linalg.matrix_rank", "x; tol=None")
norm = uniform("linalg.norm", "x; ord=None, axis=None, keepdims=False")
outer = uniform("linalg.outer", "x1, x2")
qr = uniform("linalg.qr", "x; mode='reduced'")
slogdet = uniform("linalg.slogdet", "x")
solve = uniform("linalg.solve", "a, b")
solve_triangular = uniform("linalg.solve_triangular", "a, b; lower=False")
svd = uniform("linalg.svd", "x; full_matrices=True, compute_uv=True")
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
        ValueError: the order is not a positive number.
    """
    if not isinstance(order, (int, float)) or order < 1:
        raise ValueError(f"Expected `order` to be a number of at least 1. Received: order={order}")
    least = default_epsilon() if epsilon is None else epsilon
    x = operand(x)
    if order == 2:
        return x * rsqrt(maximum(sum(square(x), axis=axis, keepdims=True), least**2))
    return x / clip(norm(x, ord=order, axis=axis, keepdims=True), least, None)
