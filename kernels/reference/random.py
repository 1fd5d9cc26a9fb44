"""Random draws as pure functions of a seed operand: `random.*` and `nn.dropout`.

A seed is uint32[2], the key data of JAX's threefry generator. Equal seeds give the numbers that
`keras.random` gives on JAX, bit for bit.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import canonical
from graphc.kernels.registry import op

Shape = tuple[int, ...]


def _key(seed: ArrayLike) -> Array:
    # Naming the generator keeps the draws the same whatever the user's default generator is.
    return jax.random.wrap_key_data(jnp.asarray(seed, jnp.uint32), impl="threefry2x32")


def _scaled(sample: Array, mean: ArrayLike, stddev: ArrayLike) -> Array:
    return sample * jnp.asarray(stddev, sample.dtype) + jnp.asarray(mean, sample.dtype)


@op("random.uniform")
def uniform(
    seed: ArrayLike, minval: ArrayLike = 0.0, maxval: ArrayLike = 1.0, *, shape: Shape, dtype: str
) -> Array:
    """Numbers in [minval, maxval)."""
    return jax.random.uniform(_key(seed), shape, canonical(dtype), minval, maxval)


@op("random.normal")
def normal(
    seed: ArrayLike, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, *, shape: Shape, dtype: str
) -> Array:
    """Normally distributed numbers."""
    return _scaled(jax.random.normal(_key(seed), shape, canonical(dtype)), mean, stddev)


@op("random.truncated_normal")
def truncated_normal(
    seed: ArrayLike, mean: ArrayLike = 0.0, stddev: ArrayLike = 1.0, *, shape: Shape, dtype: str
) -> Array:
    """Normally distributed numbers within two standard deviations of the mean."""
    sample = jax.random.truncated_normal(_key(seed), -2.0, 2.0, shape, canonical(dtype))
    return _scaled(sample, mean, stddev)


@op("random.bernoulli")
def bernoulli(seed: ArrayLike, p: ArrayLike = 0.5, *, shape: Shape) -> Array:
    """Booleans that are true with probability `p`."""
    return jax.random.bernoulli(_key(seed), p, shape)


@op("random.randint")
def randint(
    seed: ArrayLike, minval: ArrayLike, maxval: ArrayLike, *, shape: Shape, dtype: str = "int32"
) -> Array:
    """Integers in [minval, maxval)."""
    return jax.random.randint(_key(seed), shape, minval, maxval, canonical(dtype))


@op("random.categorical")
def categorical(
    seed: ArrayLike, logits: ArrayLike, *, num_samples: int, dtype: str = "int32"
) -> Array:
    """Class indices [B, num_samples] drawn with unnormalised log-probabilities [B, C]."""
    scores = jnp.asarray(logits)
    shape = (scores.shape[0], num_samples, *scores.shape[2:])
    sample = jax.random.categorical(_key(seed), scores[..., None], axis=1, shape=shape)
    return sample.astype(canonical(dtype))


@op("random.shuffle")
def shuffle(seed: ArrayLike, x: ArrayLike, *, axis: int = 0) -> Array:
    """`x` with every line along `axis` permuted independently."""
    return jax.random.permutation(_key(seed), jnp.asarray(x), axis, independent=True)


@op("random.gamma")
def gamma(seed: ArrayLike, alpha: ArrayLike, *, shape: Shape, dtype: str) -> Array:
    """Gamma distributed numbers with concentration `alpha` and unit rate."""
    return jax.random.gamma(_key(seed), alpha, shape, canonical(dtype))


@op("random.beta")
def beta(seed: ArrayLike, alpha: ArrayLike, beta: ArrayLike, *, shape: Shape, dtype: str) -> Array:
    """Beta distributed numbers."""
    a, b = jnp.asarray(alpha), jnp.asarray(beta)
    return jax.random.beta(_key(seed), a, b, shape, canonical(dtype))


@op("random.binomial")
def binomial(
    seed: ArrayLike, counts: ArrayLike, probabilities: ArrayLike, *, shape: Shape, dtype: str
) -> Array:
    """The number of successes in `counts` trials."""
    n, p = jnp.asarray(counts), jnp.asarray(probabilities)
    return jax.random.binomial(_key(seed), n, p, shape, canonical(dtype))


@op("nn.dropout")
def dropout(
    x: ArrayLike,
    seed: ArrayLike,
    rate: ArrayLike,
    *,
    noise_shape: tuple[int | None, ...] | None = None,
) -> Array:
    """`x` with a fraction `rate` of its elements zeroed and the others divided by `1 - rate`.

    `noise_shape` is the shape of the mask (None in it: as in `x`), broadcast to `x`. Equal to
    Keras bit for bit when `rate` is a Python number; a float32 `rate` may shift `1 - rate`, and so
    the surviving values, by one unit in the last place. Source: Srivastava et al., JMLR 15, 2014.
    """
    array = jnp.asarray(x)
    shape = array.shape if noise_shape is None else filled(noise_shape, array.shape)
    keep = jnp.asarray(1.0 - rate)
    return scaled_survivors(array, jax.random.bernoulli(_key(seed), keep, shape), keep)


def scaled_survivors(array: Array, mask: Array, keep: Array) -> Array:
    """`array / keep` where `mask` is true, else 0."""
    # At rate 1 nothing survives: dividing by 1 instead keeps the derivative finite.
    divisor = jnp.where(keep == 0, 1, keep).astype(array.dtype)
    shown = jnp.broadcast_to(mask, array.shape)
    return lax.select(shown, array / divisor, jnp.zeros_like(array))


def filled(noise_shape: tuple[int | None, ...], shape: Shape) -> Shape:
    """`noise_shape` with the sizes of `shape` in place of None."""
    return tuple(shape[axis] if size is None else size for axis, size in enumerate(noise_shape))
