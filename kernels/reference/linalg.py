"""Products and decompositions of matrices: `linalg.*`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import inexact
from graphc.kernels.reference.table import register_table
from graphc.kernels.registry import op

UNIFORM = {
    "dot": jnp.dot, "outer": jnp.outer, "inner": jnp.inner, "vdot": jnp.vdot, "kron": jnp.kron,
    "tensordot": jnp.tensordot, "cross": jnp.cross, "trace": jnp.trace,
    "corrcoef": jnp.corrcoef, "correlate": jnp.correlate,
    "det": jnp.linalg.det, "slogdet": jnp.linalg.slogdet, "inv": jnp.linalg.inv,
    "pinv": jnp.linalg.pinv, "cholesky": jnp.linalg.cholesky, "qr": jnp.linalg.qr,
    "svd": jnp.linalg.svd, "eig": jnp.linalg.eig, "eigh": jnp.linalg.eigh,
    "solve": jnp.linalg.solve, "solve_triangular": jax.scipy.linalg.solve_triangular,
}  # fmt: skip

register_table("linalg", UNIFORM)


@op("linalg.matmul")
def matmul(x: ArrayLike, y: ArrayLike) -> Array:
    """NumPy's matrix product with broadcasting; two int8 operands accumulate in int32."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    return jnp.matmul(x, y, preferred_element_type=_accumulator(x, y))


@op("linalg.einsum")
def einsum(*xs: ArrayLike, subscripts: str) -> Array:
    """Einstein summation; int8 operands accumulate in int32."""
    arrays = [jnp.asarray(x) for x in xs]
    return jnp.einsum(subscripts, *arrays, preferred_element_type=_accumulator(*arrays))


def _accumulator(*arrays: Array) -> Any:
    return jnp.int32 if all(a.dtype == jnp.int8 for a in arrays) else None


@op("linalg.norm")
def norm(
    x: ArrayLike,
    *,
    ord: float | str | None = None,
    axis: int | tuple[int, int] | None = None,
    keepdims: bool = False,
) -> Array:
    """A vector or matrix norm over `axis`, as `numpy.linalg.norm`."""
    return jnp.linalg.norm(inexact(x), ord=ord, axis=axis, keepdims=keepdims)


@op("linalg.cholesky_inverse")
def cholesky_inverse(x: ArrayLike, *, upper: bool = False) -> Array:
    """The inverse of the matrix whose Cholesky factor is `x` [N, N]."""
    factor = jnp.asarray(x)
    identity = jnp.eye(factor.shape[-1], dtype=factor.dtype)
    inverse = jax.scipy.linalg.solve_triangular(factor, identity, lower=not upper)
    return inverse @ inverse.T if upper else inverse.T @ inverse


@op("linalg.lu_factor")
def lu_factor(x: ArrayLike) -> tuple[Array, Array]:
    """The packed LU factors [..., N, N] and the pivots [..., N]."""
    array = jnp.asarray(x)
    factor: Callable[..., Any] = jax.scipy.linalg.lu_factor
    for _ in range(array.ndim - 2):
        factor = jax.vmap(factor)
    return factor(array)


@op("linalg.lstsq")
def lstsq(a: ArrayLike, b: ArrayLike, *, rcond: float | None = None) -> Array:
    """The least-squares solution of `a x = b`."""
    return jnp.linalg.lstsq(jnp.asarray(a), jnp.asarray(b), rcond=rcond)[0]


@op("linalg.matrix_rank")
def matrix_rank(x: ArrayLike, *, tol: float | None = None) -> Array:
    """The number (int32) of singular values above `tol`."""
    return jnp.linalg.matrix_rank(jnp.asarray(x), rtol=tol).astype(jnp.int32)


@op("linalg.cdist")
def cdist(x: ArrayLike, y: ArrayLike) -> Array:
    """Euclidean distances between the rows: [..., M, D] and [..., N, D] to [..., M, N]."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    if min(x.ndim, y.ndim) < 2 or x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "Expected points of as many coordinates, at least two axes each. "
            f"Received: x.shape={x.shape}, y.shape={y.shape}"
        )
    difference = jnp.expand_dims(x, -2) - jnp.expand_dims(y, -3)
    return jnp.sqrt(jnp.sum(difference * difference, axis=-1))
