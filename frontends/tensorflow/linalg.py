"""`tf.linalg`: matrices, norms and gradients that are cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.keras import ops
from graphc.tensorflow.absent import absent
from graphc.tensorflow.making import eye
from graphc.tensorflow.math import l2_normalize
from graphc.tensorflow.naming import renamed

cholesky = renamed(ops.cholesky, input="x")
cross = renamed(ops.cross, a="x1", b="x2")
det = renamed(ops.det, input="x")
eigh = renamed(ops.eigh, tensor="x")
einsum = renamed(ops.einsum, equation="subscripts")
inv = renamed(ops.inv, input="x")
pinv = renamed(ops.pinv, a="x")
qr = renamed(ops.qr, input="x")
solve = renamed(ops.solve, matrix="a", rhs="b")
tensordot = renamed(ops.tensordot, a="x1", b="x2")


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: str | None = None,
) -> Any:
    """Return the product of matrices [..., M, K] and [..., K, N], after transposing them."""
    a = _transposed(a, conjugate=adjoint_a) if transpose_a or adjoint_a else a
    b = _transposed(b, conjugate=adjoint_b) if transpose_b or adjoint_b else b
    return ops.matmul(a, b)


def _transposed(matrix: Any, *, conjugate: bool) -> Any:
    found = ops.swapaxes(matrix, -1, -2)
    return ops.conj(found) if conjugate else found


def matrix_transpose(a: Any, name: str | None = None, conjugate: bool = False) -> Any:
    """Return matrices [..., M, N] as [..., N, M]."""
    return _transposed(a, conjugate=conjugate)


def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None) -> Any:
    """Return the product of matrices [..., M, K] and vectors [..., K]."""
    return ops.squeeze(matmul(a, ops.expand_dims(b, -1), transpose_a=transpose_a), -1)


def norm(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False, name: Any = None
) -> Any:
    """Return the norm: of all elements where `axis` is None, whatever the shape."""
    if ord == "euclidean":
        squares = ops.sum(ops.square(ops.absolute(tensor)), axis=axis, keepdims=keepdims)
        return ops.sqrt(squares)
    if axis is None and not keepdims:
        tensor, axis = ops.reshape(tensor, (-1,)), 0
    return ops.norm(tensor, ord=ord, axis=axis, keepdims=keepdims)


def trace(x: Any, name: str | None = None) -> Any:
    """Return the sum of the diagonal of matrices [..., M, N]."""
    return ops.trace(x, axis1=-2, axis2=-1)


def diag(diagonal: Any, name: str | None = None) -> Any:
    """Return square matrices [..., N, N] with these diagonals [..., N]."""
    diagonal = ops.convert_to_tensor(diagonal)
    return ops.multiply(
        ops.expand_dims(diagonal, -1), ops.eye(diagonal.shape[-1], dtype=diagonal.dtype)
    )


def diag_part(input: Any, name: str | None = None) -> Any:
    """Return the diagonals of matrices [..., M, N]."""
    return ops.diagonal(input, axis1=-2, axis2=-1)


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """Return matrices with zeros outside of a band about the diagonal; -1 for a whole side."""
    found = ops.convert_to_tensor(input)
    found = found if num_lower < 0 else ops.triu(found, k=-num_lower)
    return found if num_upper < 0 else ops.tril(found, k=num_upper)


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Return the singular values s, and u and v such that `tensor` is u · diag(s) · vᵀ."""
    if not compute_uv:
        return ops.svd(tensor, full_matrices=full_matrices, compute_uv=False)
    u, s, transposed = ops.svd(tensor, full_matrices=full_matrices)
    return s, u, _transposed(transposed, conjugate=False)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Any:
    """Return the norm of all elements of some tensors; None among them counts nothing."""
    squares = [ops.sum(ops.square(one)) for one in t_list if one is not None]
    return ops.sqrt(ops.sum(ops.stack(squares)))


def clip_by_global_norm(
    t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Return tensors scaled so that their common norm is at most `clip_norm`, and that norm."""
    found = global_norm(t_list) if use_norm is None else use_norm
    scale = ops.divide(clip_norm, ops.maximum(found, clip_norm))
    return [None if one is None else ops.multiply(one, scale) for one in t_list], found


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Return a tensor scaled so that its norm along `axes` is at most `clip_norm`."""
    found = norm(t, axis=axes, keepdims=True)
    return ops.divide(ops.multiply(t, clip_norm), ops.maximum(found, clip_norm))


clip_by_value = renamed(ops.clip, t="x", clip_value_min="x_min", clip_value_max="x_max")

__getattr__ = absent("tensorflow.linalg", globals())
