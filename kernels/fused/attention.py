"""Attention in blocks of queries and keys: the scores of a block are all that ever exist.

A running maximum and sum join the blocks of keys; the backward pass computes the scores again.
Blocks that no query of theirs can see by its position are skipped, forward and backward.
Sources: Milakov and Gimelshein, arXiv 1805.02867; Dao, arXiv 2307.08691.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.attention import by_group, common, in_reach, scale_of, split_heads
from graphc.kernels.registry import Signature, Target, kernel

FLOATS = ("float32", "bfloat16", "float16")
ROWS, COLUMNS, LONGEST = 128, 128, 512  # queries and keys a block, and keys where there is room
BLOCK = 1 << 19  # scores a block should not exceed: 2 MB
# Fewer scores than this stay whole: they fit the caches, or on accelerators the memory.
CPU_LIMIT, LIMIT = 1 << 22, 1 << 27


def _supports(signature: Signature, target: Target) -> str | None:
    query, key, value = signature.inputs[:3]
    flash = signature.attrs.get("flash")
    if flash is False:
        return "it was told to hold all scores"
    if query is None or key is None or value is None or 0 in (*query.shape, *key.shape):
        return "there is nothing to attend to"
    if any(x.dtype not in FLOATS for x in (query, key, value)):
        return "the dtype is not a float of at most 32 bits"
    count = math.prod(query.shape[:3]) * key.shape[1]
    limit = CPU_LIMIT if target.platform == "cpu" else LIMIT
    if count < limit and not flash:
        return f"the {count} scores are fewer than {limit}, which may exist at once"
    return None


@kernel("nn.attention", tier="fused", supports=_supports)
def attention_in_blocks(
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
    """`softmax(scale * query @ key + bias) @ value`. Differentiable in reverse mode only."""
    del flash
    q, k, v = common(query, key, value)
    heads, query_heads = k.shape[2], q.shape[2]
    rows, columns = _block_size(q.shape[0] * query_heads, q.shape[1], k.shape[1])
    plan = Plan(scale_of(scale, q), is_causal, window, zero_empty_rows, rows, columns)
    tables = (None if x is None else by_group(x, heads, query_heads) for x in (bias, mask))
    grouped = split_heads(q, heads).transpose(0, 2, 3, 1, 4)  # [B, K, G, T, H]
    result = _attend(plan, grouped, _heads_first(k), _heads_first(v), *tables)
    return result.transpose(0, 3, 1, 2, 4).reshape(*q.shape[:3], v.shape[-1])


def _heads_first(x: Array) -> Array:
    return x.transpose(0, 2, 1, 3)


def _block_size(heads: int, rows: int, columns: int) -> tuple[int, int]:
    """How many queries and keys a block has; `heads` counts those of all samples."""
    length = COLUMNS
    while length < LONGEST and heads * ROWS * length * 2 <= BLOCK:
        length *= 2
    return _even_part(rows, ROWS), _even_part(columns, length)


def _even_part(size: int, most: int) -> int:
    return math.ceil(size / math.ceil(size / most))


@dataclass(frozen=True)
class Plan:
    """The attributes, and the queries (`rows`) and keys (`columns`) of a block."""

    scale: float
    is_causal: bool
    window: int | None
    zero_empty_rows: bool
    rows: int
    columns: int

    def reach(self, block: Any, count: int) -> tuple[Any, Any]:
        """The first of the `count` blocks of keys that a block of queries sees; one past the last.

        Only positions count: an explicit mask hides no block.
        """
        start, stop = block * self.rows, (block + 1) * self.rows
        low, high = 0, count
        if self.is_causal:
            high = jnp.minimum(high, _ceil(stop, self.columns))
        if self.window is not None:
            low = jnp.maximum(start - self.window + 1, 0) // self.columns
            high = jnp.minimum(high, _ceil(stop + self.window - 1, self.columns))
        return low, high


def _ceil(size: Any, part: int) -> Any:
    return (size + part - 1) // part


@dataclass(frozen=True)
class Blocks:
    """The padded operands, and what is seen of them from one block of queries and one of keys."""

    plan: Plan
    query: Array  # [B, K, G, T, H]
    key: Array  # [B, K, S, H]
    value: Array  # [B, K, S, V]
    bias: Array | None  # broadcasts to [B, K, G, T, S], as does the mask
    mask: Array | None
    length: int  # S before padding

    @property
    def counts(self) -> tuple[int, int]:
        """The number of blocks of queries and of keys."""
        return self.query.shape[3] // self.plan.rows, self.key.shape[2] // self.plan.columns

    def rows_of(self, x: Array, i: Any) -> Array:
        """Block `i` of queries of `x` [B, K, G, T, ...]."""
        return lax.dynamic_slice_in_dim(x, i * self.plan.rows, self.plan.rows, 3)

    def columns_of(self, x: Array, j: Any) -> Array:
        """Block `j` of keys of `x` [B, K, S, ...]."""
        return lax.dynamic_slice_in_dim(x, j * self.plan.columns, self.plan.columns, 2)

    def tile(self, x: Array, i: Any, j: Any) -> Array:
        """The part of a bias or mask for these queries and keys."""
        part = x if x.shape[3] == 1 else self.rows_of(x, i)
        if x.shape[4] == 1:
            return part
        return lax.dynamic_slice_in_dim(part, j * self.plan.columns, self.plan.columns, 4)

    def scores(self, query: Array, i: Any, j: Any) -> Array:
        """The scores [B, K, G, rows, columns] in float32: -inf where a key is invisible."""
        plan = self.plan
        scores = plan.scale * _product("bkgrh,bkch->bkgrc", query, self.columns_of(self.key, j))
        if self.bias is not None:
            scores = scores + self.tile(self.bias, i, j)
        rows = i * plan.rows + jnp.arange(plan.rows)[:, None]
        columns = j * plan.columns + jnp.arange(plan.columns)
        visible = in_reach(rows, columns, plan.is_causal, plan.window)
        if self.length < self.key.shape[2]:
            visible = visible & (columns < self.length)
        if self.mask is not None:
            visible = visible & self.tile(self.mask, i, j)
        return jnp.where(visible, scores, -jnp.inf)


def _product(subscripts: str, x: Array, y: Array) -> Array:
    """A product of blocks, accumulated in float32."""
    return jnp.einsum(subscripts, x, y.astype(x.dtype), preferred_element_type=jnp.float32)


def _blocks(plan: Plan, q: Array, k: Array, v: Array, bias: Any, mask: Any) -> Blocks:
    tables = (None if x is None else _padded_table(x, plan) for x in (bias, mask))
    columns = plan.columns
    padded = _padded(q, 3, plan.rows), _padded(k, 2, columns), _padded(v, 2, columns)
    return Blocks(plan, *padded, *tables, length=k.shape[2])


def _padded_table(x: Array, plan: Plan) -> Array:
    for axis, part in ((3, plan.rows), (4, plan.columns)):
        x = x if x.shape[axis] == 1 else _padded(x, axis, part)
    return x


def _padded(x: Array, axis: int, part: int) -> Array:
    more = -x.shape[axis] % part
    return x if not more else jnp.pad(x, [(0, more * (a == axis)) for a in range(x.ndim)])


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _attend(plan: Plan, q: Array, k: Array, v: Array, bias: Any, mask: Any) -> Array:
    return _forward(plan, q, k, v, bias, mask)[0]


def _forward(
    plan: Plan, q: Array, k: Array, v: Array, bias: Any, mask: Any
) -> tuple[Array, tuple[Any, ...]]:
    """The result [B, K, G, T, V], and what the backward pass needs."""
    mask = None if mask is None else mask.astype(bool)
    blocks = _blocks(plan, q, k, v, bias, mask)
    results, logs = lax.map(partial(_row_block, blocks), jnp.arange(blocks.counts[0]))
    result, log = (_joined(x, q.shape[3]) for x in (results, logs))
    if not plan.zero_empty_rows and _may_be_empty(plan, mask):
        mean = jnp.mean(v, axis=2, dtype=jnp.float32)[:, :, None, None]
        result = jnp.where(_empty(log), mean, result)
    result = result.astype(v.dtype)
    return result, (q, k, v, bias, mask, result, log)


def _row_block(blocks: Blocks, i: Any) -> tuple[Array, Array]:
    """The result for a block of queries, and the logarithms of their sums: inf where empty."""
    query = blocks.rows_of(blocks.query, i)

    def step(j: Any, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        highest, total, result = carry
        scores = blocks.scores(query, i, j)
        top = jnp.maximum(highest, scores.max(-1))
        anchor = jnp.where(top == -jnp.inf, 0.0, top)  # inf - inf is NaN
        weights, fade = jnp.exp(scores - anchor[..., None]), jnp.exp(highest - anchor)
        value = blocks.columns_of(blocks.value, j)
        part = _product("bkgrc,bkch->bkgrh", weights.astype(value.dtype), value)
        return top, total * fade + weights.sum(-1), result * fade[..., None] + part

    shape = query.shape[:-1]
    start = jnp.full(shape, -jnp.inf), jnp.zeros(shape)
    width = blocks.value.shape[-1]
    bounds = blocks.plan.reach(i, blocks.counts[1])
    highest, total, result = lax.fori_loop(*bounds, step, (*start, jnp.zeros((*shape, width))))
    seen = total > 0
    safe = jnp.where(seen, total, 1.0)
    return result / safe[..., None], jnp.where(seen, highest + jnp.log(safe), jnp.inf)


def _joined(x: Array, rows: int) -> Array:
    """Stacked blocks [n, B, K, G, rows, ...] as [B, K, G, T, ...]."""
    moved = jnp.moveaxis(x, 0, 3)
    return moved.reshape(*moved.shape[:3], -1, *moved.shape[5:])[:, :, :, :rows]


def _may_be_empty(plan: Plan, mask: Any) -> bool:
    return mask is not None or plan.window is not None


def _empty(log: Array) -> Array:
    return (log == jnp.inf)[..., None]


def _backward(plan: Plan, residuals: tuple[Any, ...], cotangent: Array) -> tuple[Any, ...]:
    q, k, v, bias, mask, result, log = residuals
    blocks = _blocks(plan, q, k, v, bias, mask)
    along = jnp.sum(cotangent.astype(jnp.float32) * result, -1)
    given = (_padded(x, 3, plan.rows) for x in (cotangent, log, along))
    sums = (*map(_zeros, (blocks.key, blocks.value)), _zeros(blocks.bias))
    body = partial(_row_gradients, blocks, tuple(given))
    (dk, dv, dbias), dq = lax.scan(body, sums, jnp.arange(blocks.counts[0]))
    dq = _joined(dq, q.shape[3]) * plan.scale
    dk, dv = dk[:, :, : k.shape[2]] * plan.scale, dv[:, :, : k.shape[2]]
    if not plan.zero_empty_rows and _may_be_empty(plan, mask):
        lost = jnp.where(_empty(log), cotangent, 0.0).sum((2, 3)) / k.shape[2]
        dv = dv + lost[:, :, None]
    if bias is not None:
        dbias = dbias[:, :, :, : bias.shape[3], : bias.shape[4]].astype(bias.dtype)
    return dq.astype(q.dtype), dk.astype(k.dtype), dv.astype(v.dtype), dbias, None


def _zeros(x: Array | None) -> Array | None:
    return None if x is None else jnp.zeros(x.shape)


def _row_gradients(
    blocks: Blocks, given: tuple[Array, ...], sums: Any, i: Any
) -> tuple[Any, Array]:
    """Add what a block of queries gives to the sums for keys, values and bias; return its own."""
    query = blocks.rows_of(blocks.query, i)
    cotangent, log, along = (blocks.rows_of(x, i) for x in given)

    def step(j: Any, carry: Any) -> Any:
        dq, dk, dv, dbias = carry
        weights = jnp.exp(blocks.scores(query, i, j) - log[..., None])
        key, value = (blocks.columns_of(x, j) for x in (blocks.key, blocks.value))
        slope = _product("bkgrh,bkch->bkgrc", cotangent, value) - along[..., None]
        slope = weights * slope
        place = j * blocks.plan.columns
        own = slope.astype(key.dtype)
        dq = dq + _product("bkgrc,bkch->bkgrh", own, key)
        dk = _add_at(dk, _product("bkgrc,bkgrh->bkch", own, query), (0, 0, place, 0))
        part = _product("bkgrc,bkgrh->bkch", weights.astype(value.dtype), cotangent)
        dv = _add_at(dv, part, (0, 0, place, 0))
        return dq, dk, dv, None if dbias is None else _add_tile(blocks, dbias, slope, i, j)

    bounds = blocks.plan.reach(i, blocks.counts[1])
    dq, *sums = lax.fori_loop(*bounds, step, (jnp.zeros(query.shape), *sums))
    return tuple(sums), dq


def _add_tile(blocks: Blocks, total: Array, slope: Array, i: Any, j: Any) -> Array:
    shared = [axis for axis, size in enumerate(total.shape) if size == 1]
    part = slope.sum(shared, keepdims=True)
    rows = 0 if total.shape[3] == 1 else i * blocks.plan.rows
    columns = 0 if total.shape[4] == 1 else j * blocks.plan.columns
    return _add_at(total, part, (0, 0, 0, rows, columns))


def _add_at(total: Array, part: Array, start: tuple[Any, ...]) -> Array:
    old = lax.dynamic_slice(total, start, part.shape)
    return lax.dynamic_update_slice(total, old + part, start)


_attend.defvjp(_forward, _backward)
