"""Normalisation over the batch or over features: `nn.batch_norm`, `nn.layer_norm` and kin."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import Axis, at_least_float32
from graphc.kernels.registry import op


@op("nn.moments")
def moments(x: ArrayLike, *, axes: Axis, keepdims: bool = False) -> tuple[Array, Array]:
    """Mean and population variance over `axes`.

    16-bit floats are reduced in float32, then clipped to the range of float16 and cast back.
    """
    array = jnp.asarray(x)
    wide = at_least_float32(array)
    mean = jnp.mean(wide, axes, keepdims=keepdims)
    variance = jnp.var(wide, axes, keepdims=keepdims)
    if wide.dtype == array.dtype or not jnp.issubdtype(array.dtype, jnp.floating):
        return mean, variance
    limit = jnp.finfo(jnp.float16).max
    return (
        jnp.clip(mean, -limit, limit).astype(array.dtype),
        jnp.clip(variance, -limit, limit).astype(array.dtype),
    )


@op("nn.batch_norm")
def batch_norm(
    x: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Array:
    """`x` normalised by given statistics [C] along the features `axis`, scaled and shifted.

    Source: Ioffe and Szegedy, arXiv 1502.03167.
    """
    array = jnp.asarray(x)
    shape = [1] * array.ndim
    shape[axis] = -1
    scale = lax.rsqrt(jnp.reshape(jnp.asarray(variance), shape) + epsilon)
    if gamma is not None:
        scale = scale * jnp.reshape(jnp.asarray(gamma), shape)
    shift = -jnp.reshape(jnp.asarray(mean), shape) * scale
    if beta is not None:
        shift = shift + jnp.reshape(jnp.asarray(beta), shape)
    return array * scale + shift


@op("nn.batch_norm_train")
def batch_norm_train(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> tuple[Array, Array, Array]:
    """`x` normalised by its own statistics over all axes but `axis`: (y, mean [C], variance [C]).

    Source: Ioffe and Szegedy, arXiv 1502.03167.
    """
    array = jnp.asarray(x)
    features = axis % array.ndim
    mean, variance = moments(array, axes=tuple(a for a in range(array.ndim) if a != features))
    y = batch_norm(array, mean, variance, gamma, beta, axis=axis, epsilon=epsilon)
    return y, mean, variance


@op("nn.layer_norm")
def layer_norm(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    axis: int | tuple[int, ...] = -1,
    epsilon: float = 1e-3,
    rms_scaling: bool = False,
) -> Array:
    """`x` normalised over `axis`, scaled and shifted; computed in float32 or wider.

    `gamma` and `beta` have the shape of the normalised axes. `rms_scaling` is Keras's older
    option: divide by the standard deviation without removing the mean, and ignore `beta`.
    Source: Ba, Kiros and Hinton, arXiv 1607.06450.
    """
    array = jnp.asarray(x)
    wide = at_least_float32(array)
    axes = normalized_axes(axis, array.ndim)
    mean, variance = moments(wide, axes=axes, keepdims=True)
    scale = lax.rsqrt(variance + epsilon)
    factor = None if gamma is None else along_axes(gamma, wide, axes)
    if rms_scaling:
        scaled = wide * scale
        return (scaled if factor is None else scaled * factor).astype(array.dtype)
    if factor is not None:
        scale = scale * factor
    shift = -mean * scale
    if beta is not None:
        shift = shift + along_axes(beta, wide, axes)
    return (wide * scale + shift).astype(array.dtype)


def normalized_axes(axis: int | tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """`axis` as a sorted tuple of non-negative axes."""
    axes = (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % ndim for a in axes))


def along_axes(values: ArrayLike, like: Array, axes: tuple[int, ...]) -> Array:
    """`values`, shaped like the `axes` of `like`, made to broadcast against it in its dtype."""
    array = jnp.asarray(values).astype(like.dtype)
    if array.ndim == like.ndim or axes == (like.ndim - 1,):
        return array
    return array.reshape([n if a in axes else 1 for a, n in enumerate(like.shape)])


@op("nn.rms_norm")
def rms_norm(
    x: ArrayLike,
    scale: ArrayLike | None,
    *,
    axis: int | tuple[int, ...] = -1,
    epsilon: float = 1e-6,
) -> Array:
    """`x` divided by its root mean square over `axis`, times `scale`; in float32 or wider.

    Source: Zhang and Sennrich, arXiv 1910.07467.
    """
    array = jnp.atleast_1d(jnp.asarray(x))
    wide = at_least_float32(array)
    axes = normalized_axes(axis, array.ndim)
    result = wide * lax.rsqrt(jnp.mean(jnp.square(wide), axes, keepdims=True) + epsilon)
    if scale is not None:
        result = result * jnp.asarray(scale).astype(wide.dtype)
    return result.astype(array.dtype)


@op("nn.group_norm")
def group_norm(
    x: ArrayLike,
    gamma: ArrayLike | None,
    beta: ArrayLike | None,
    *,
    groups: int,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Array:
    """`x` normalised within each sample and each of `groups` groups of the channels along `axis`.

    `gamma` and `beta` are [C]. Computed in float32 or wider. Source: Wu and He, arXiv 1803.08494.
    """
    array = jnp.asarray(x)
    place = axis % array.ndim
    channels = array.shape[place]
    apart = (groups, channels // groups)
    shape = (*array.shape[:place], *apart, *array.shape[place + 1 :])
    wide = at_least_float32(array).reshape(shape)
    axes = tuple(a for a in range(1, wide.ndim) if a != place)
    mean, variance = moments(wide, axes=axes, keepdims=True)
    each = [n if a in (place, place + 1) else 1 for a, n in enumerate(shape)]
    scale = lax.rsqrt(variance + epsilon)
    if gamma is not None:
        scale = scale * jnp.asarray(gamma).astype(wide.dtype).reshape(each)
    shift = -mean * scale
    if beta is not None:
        shift = shift + jnp.asarray(beta).astype(wide.dtype).reshape(each)
    return (wide * scale + shift).astype(array.dtype).reshape(array.shape)
