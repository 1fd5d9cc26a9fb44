"""Scaled dot-product attention: `nn.attention`."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import at_least_float32
from graphc.kernels.registry import op

MASKED = -0.7 * float(np.finfo(np.float32).max)  # finite: a row without a visible key is uniform


@op("nn.attention")
def attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    bias: ArrayLike | None,
    mask: ArrayLike | None,
    *,
    scale: float | None = None,
    is_causal: bool = False,
    window: int | None = None,
    zero_empty_rows: bool = False,
    flash: bool | None = None,
) -> Array:
    """`softmax(scale * query @ key + bias) @ value`, for each head; the softmax in float32.

    Shapes: query [B, T, N, H], key [B, S, K, H], value [B, S, K, V], result [B, T, N, V]; each of
    the K heads of keys serves N / K heads of queries, which follow one another. `bias` and `mask`
    (where true, a key is visible) broadcast to [B, N, T, S] and have four axes. `scale` is
    1 / sqrt(H) when not given. `is_causal` hides keys behind the query's own position, and
    `window` those `window` or more positions away on either side. A query that sees no key gets
    the mean of all values, or zeros with `zero_empty_rows`. `flash` asks for a kernel that never
    holds all scores (True) or one that does (False), and None leaves the choice to the sizes.

    Raises:
        ValueError: the heads of queries are not a multiple of those of keys.

    Source: Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245.
    """
    del flash
    q, k, v = common(query, key, value)
    heads = k.shape[2]
    wide = at_least_float32(q).dtype
    grouped = split_heads(q, heads)  # [B, T, K, G, H]
    scores = jnp.einsum("btkgh,bskh->bkgts", grouped, k, preferred_element_type=wide)
    scores = scores * jnp.asarray(scale_of(scale, q), wide)
    if bias is not None:
        scores = (scores + by_group(bias, heads, q.shape[2])).astype(wide)
    visible = visible_keys(mask, heads, q.shape[2], scores.shape[-2:], is_causal, window)
    if visible is not None:
        scores = jnp.where(visible, scores, MASKED)
    shares = jax.nn.softmax(scores.astype(jnp.float32), axis=-1)
    if zero_empty_rows and visible is not None:
        shares = jnp.where(visible, shares, 0.0)
    result = jnp.einsum("bkgts,bskh->btkgh", shares.astype(k.dtype), v)
    return result.reshape(*q.shape[:3], v.shape[-1])


def common(query: ArrayLike, key: ArrayLike, value: ArrayLike) -> tuple[Array, Array, Array]:
    """The three tensors as arrays of their common dtype.

    Raises:
        ValueError: the heads of queries are not a multiple of those of keys.
    """
    arrays = jnp.asarray(query), jnp.asarray(key), jnp.asarray(value)
    q, k, v = (array.astype(jnp.result_type(*arrays)) for array in arrays)
    if q.shape[2] % k.shape[2]:
        raise ValueError(
            "Expected the number of heads of `query` to be a multiple of that of `key`. "
            f"Received: query.shape={q.shape}, key.shape={k.shape}"
        )
    return q, k, v


def scale_of(scale: float | None, query: Array) -> float:
    """The factor of the scores."""
    return 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale


def split_heads(x: Array, heads: int) -> Array:
    """`x` [B, T, N, H] as [B, T, K, N / K, H]."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads, x.shape[3])


def by_group(x: ArrayLike, heads: int, query_heads: int) -> Array:
    """A bias or mask [B, N or 1, T, S] as [B, K or 1, N / K or 1, T, S]."""
    array = jnp.asarray(x)
    batch, own, rows, columns = array.shape
    groups = (1, 1) if own == 1 else (heads, query_heads // heads)
    return array.reshape(batch, *groups, rows, columns)


def visible_keys(
    mask: ArrayLike | None,
    heads: int,
    query_heads: int,
    size: tuple[int, ...],
    is_causal: bool,
    window: int | None,
) -> Array | None:
    """Where keys are visible, broadcasting to [B, K, G, T, S], or None where all are."""
    found = None if mask is None else by_group(mask, heads, query_heads).astype(bool)
    if not is_causal and window is None:
        return found
    rows = jnp.arange(size[0])[:, None]
    columns = jnp.arange(size[1])
    near = in_reach(rows, columns, is_causal, window)
    return near if found is None else found & near


def in_reach(rows: Array, columns: Array, is_causal: bool, window: int | None) -> Array:
    """Whether the keys at `columns` are visible to the queries at `rows` by their positions."""
    near = jnp.ones(jnp.broadcast_shapes(rows.shape, columns.shape), bool)
    if is_causal:
        near = columns <= rows
    if window is not None:
        near = near & (abs(rows - columns) < window)
    return near
