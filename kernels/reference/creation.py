"""Tensors made from attributes alone, or from scalars: `shape.*`."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import canonical
from graphc.kernels.registry import op


@op("shape.full")
def full(*, shape: tuple[int, ...], value: float | bool, dtype: str) -> Array:
    """A tensor of this shape filled with one Python number."""
    return jnp.full(shape, value, canonical(dtype))


@op("shape.full_like")
def full_like(x: ArrayLike, value: ArrayLike, *, dtype: str | None = None) -> Array:
    """A tensor shaped like `x` filled with `value`, in the dtype of `x` unless given."""
    return jnp.full_like(jnp.asarray(x), value, dtype=None if dtype is None else canonical(dtype))


@op("shape.arange")
def arange(
    *, start: float, stop: float | None = None, step: float | None = None, dtype: str
) -> Array:
    """Numbers from `start` (0 if `stop` is None) up to but excluding `stop`."""
    return jnp.arange(start, stop, step, dtype=canonical(dtype))


@op("shape.eye")
def eye(*, n: int, m: int | None = None, k: int = 0, dtype: str) -> Array:
    """An [n, m] matrix with ones on its `k`-th diagonal."""
    return jnp.eye(n, m, k, dtype=canonical(dtype))


@op("shape.tri")
def tri(*, n: int, m: int | None = None, k: int = 0, dtype: str) -> Array:
    """An [n, m] matrix with ones on and below its `k`-th diagonal."""
    return jnp.tri(n, m, k, dtype=canonical(dtype))


@op("shape.linspace")
def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    *,
    num: int = 50,
    endpoint: bool = True,
    dtype: str | None = None,
    axis: int = 0,
) -> Array:
    """`num` evenly spaced numbers from `start` to `stop`."""
    name = None if dtype is None else canonical(dtype)
    return jnp.linspace(start, stop, num, endpoint=endpoint, dtype=name, axis=axis)


@op("shape.logspace")
def logspace(
    start: ArrayLike,
    stop: ArrayLike,
    *,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10.0,
    dtype: str | None = None,
    axis: int = 0,
) -> Array:
    """`num` numbers from `base**start` to `base**stop`, evenly spaced in the exponent."""
    name = None if dtype is None else canonical(dtype)
    return jnp.logspace(start, stop, num, endpoint=endpoint, base=base, dtype=name, axis=axis)


@op("shape.geomspace")
def geomspace(
    start: ArrayLike,
    stop: ArrayLike,
    *,
    num: int = 50,
    endpoint: bool = True,
    dtype: str | None = None,
    axis: int = 0,
) -> Array:
    """`num` numbers from `start` to `stop` in geometric progression."""
    name = None if dtype is None else canonical(dtype)
    return jnp.geomspace(start, stop, num, endpoint=endpoint, dtype=name, axis=axis)


@op("shape.one_hot")
def one_hot(x: ArrayLike, *, num_classes: int, axis: int = -1, dtype: str = "float32") -> Array:
    """A new axis with 1 at index `x` and 0 elsewhere; all 0 where `x` is out of range.

    Floats have a class where they are whole numbers.
    """
    labels = jnp.asarray(x)
    if jnp.issubdtype(labels.dtype, jnp.inexact):
        labels = jnp.where(labels == jnp.round(labels), labels, -1).astype(jnp.int32)
    return jax.nn.one_hot(labels, num_classes, axis=axis, dtype=canonical(dtype))


@op("shape.multi_hot")
def multi_hot(x: ArrayLike, *, num_classes: int, axis: int = -1, dtype: str = "float32") -> Array:
    """1 at every class that occurs along the sample: [N] to [C], [B, N] to [B, C]."""
    labels = jnp.asarray(x)
    hot = jax.nn.one_hot(labels.astype(jnp.int32), num_classes, axis=axis, dtype=canonical(dtype))
    return jnp.max(hot, axis=1 if labels.ndim > 1 else 0)


@op("shape.vander")
def vander(x: ArrayLike, *, n: int | None = None, increasing: bool = False) -> Array:
    """The Vandermonde matrix [N, n] of powers of `x` [N]."""
    return jnp.vander(jnp.asarray(x), n, increasing)


def _window(function: Callable[[int], Array]) -> Callable[..., Array]:
    def reference(*, length: int) -> Array:
        return function(length).astype(jnp.float32)

    reference.__name__ = reference.__qualname__ = function.__name__
    reference.__doc__ = "A window [length] for signal analysis, as float32."
    return reference


for _function in (jnp.bartlett, jnp.blackman, jnp.hamming, jnp.hanning):
    op(f"shape.{_function.__name__}")(_window(_function))


@op("shape.kaiser")
def kaiser(beta: ArrayLike, *, length: int) -> Array:
    """The Kaiser window [length] with shape parameter `beta`, as float32."""
    return jnp.kaiser(length, beta).astype(jnp.float32)
