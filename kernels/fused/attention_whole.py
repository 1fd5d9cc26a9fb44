"""Attention whose backward pass reads what the forward pass kept: `exp(scores)` and its sums.

Derived step by step, the softmax costs several more sweeps over [B * K, G * T, S]. With `e` the
exponentials, `n` the sums of their rows, `o = e @ v / n` and `d = do / n`,

    dv = e' @ d        ds = e * (d @ v' - sum(d * o))        dq, dk = ds @ k, ds' @ q
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.fused.attention import CPU_LIMIT
from graphc.kernels.reference.attention import (
    MASKED,
    common,
    scale_of,
    split_heads,
    visible_keys,
)
from graphc.kernels.registry import Signature, Target, kernel

Plan = tuple[float, tuple[int, ...]]  # the scale, and the shape of the scores [B, K, G, T, S]
Kept = tuple[Array, Array, Array, Array | None, Array, Array, Array]


def _supports(signature: Signature, target: Target) -> str | None:
    query, key, value, bias = signature.inputs[:4]
    attrs = signature.attrs
    if target.platform != "cpu":
        return "pays on the CPU only"
    if query is None or key is None or value is None or 0 in (*query.shape, *key.shape):
        return "there is nothing to attend to"
    if {query.dtype, key.dtype, value.dtype} != {"float32"}:
        return "the dtype is not float32"
    if bias is not None or attrs.get("zero_empty_rows") or attrs.get("flash"):
        return "it has a bias, or rows that may be zero, or was told to hold no scores"
    count = math.prod(query.shape[:3]) * key.shape[1]
    return None if count < CPU_LIMIT else f"the {count} scores are {CPU_LIMIT} or more"


@kernel("nn.attention", tier="fused", supports=_supports)
def attention_kept_scores(
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
    """`softmax(scale * query @ key) @ value`. Differentiable in reverse mode only."""
    del bias, zero_empty_rows, flash
    q, k, v = common(query, key, value)
    heads, size = k.shape[2], (q.shape[1], k.shape[1])
    seen = visible_keys(mask, heads, q.shape[2], size, is_causal, window)
    grouped = split_heads(q, heads).transpose(0, 2, 3, 1, 4)  # [B, K, G, T, H]
    scores = (*grouped.shape[:-1], k.shape[1])  # [B, K, G, T, S]
    rows = grouped.reshape(-1, math.prod(scores[2:4]), q.shape[-1])  # [B * K, G * T, H]
    result = _attend((scale_of(scale, q), scores), rows, _by_head(k), _by_head(v), seen)
    apart = result.reshape(*scores[:4], v.shape[-1])
    return apart.transpose(0, 3, 1, 2, 4).reshape(*q.shape[:3], v.shape[-1])


def _by_head(x: Array) -> Array:
    """[B, S, K, H] as [B * K, S, H]: XLA takes twice as long for products over two batch axes."""
    return x.transpose(0, 2, 1, 3).reshape(-1, x.shape[1], x.shape[3])


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(plan: Plan, q: Array, k: Array, v: Array, seen: Array | None) -> Array:
    return _forward(plan, q, k, v, seen)[0]


def _forward(plan: Plan, q: Array, k: Array, v: Array, seen: Array | None) -> tuple[Array, Kept]:
    scale, _ = plan
    scores = _where_seen(plan, seen, jnp.einsum("nth,nsh->nts", q * scale, k), MASKED)
    weights = jnp.exp(scores - jnp.max(scores, -1, keepdims=True))
    total = jnp.sum(weights, -1, keepdims=True)
    result = jnp.einsum("nts,nsh->nth", weights, v) / total
    return result, (q, k, v, seen, weights, total, result)


def _where_seen(plan: Plan, seen: Array | None, x: Array, otherwise: float) -> Array:
    """`x` [B * K, G * T, S] where a key is visible; `seen` broadcasts to [B, K, G, T, S]."""
    if seen is None:
        return x
    return jnp.where(seen, x.reshape(plan[1]), otherwise).reshape(x.shape)


def _backward(plan: Plan, kept: Kept, cotangent: Array) -> tuple[Any, ...]:
    q, k, v, seen, weights, total, result = kept
    scale, _ = plan
    part = cotangent / total
    along = jnp.sum(part * result, -1, keepdims=True)
    slope = weights * (jnp.einsum("nth,nsh->nts", part, v) - along)
    slope = _where_seen(plan, seen, slope, 0.0)  # a row without a visible key has weights, too
    dq = jnp.einsum("nts,nsh->nth", slope, k) * scale
    dk = jnp.einsum("nts,nth->nsh", slope, q) * scale
    dv = jnp.einsum("nts,nth->nsh", weights, part)
    return dq, dk, dv, None


_attend.defvjp(_forward, _backward)
