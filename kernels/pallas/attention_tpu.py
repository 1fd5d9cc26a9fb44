"""Attention by JAX's splash attention for TPUs: flash attention that skips blocks no query sees.

Each of a grid of blocks of queries and keys is multiplied in the TPU's own memory; the backward
pass, which comes with it, computes the scores again. Positions are the only mask: they are known
while tracing, so that blocks without a visible key are left out of the grid.
Source: Dao, arXiv 2307.08691.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from graphc.kernels.fused.attention_library import beyond_libraries
from graphc.kernels.reference.attention import common, scale_of
from graphc.kernels.reference.promotion import canonical
from graphc.kernels.registry import Signature, Target, kernel

DTYPES = ("bfloat16", "float32")
BLOCKS = (512, 256, 128)  # queries or keys a block: the first that divides their number is taken
WIDEST, STEP = 256, 64  # numbers a head: with fewer than 64, most of the 128 lanes would idle


def _supports(signature: Signature, target: Target) -> str | None:
    if target.platform != "tpu":
        return "it is written for TPUs"
    reason = beyond_libraries(signature, DTYPES)
    if reason is not None:
        return reason
    query, key, value = (cast("Any", x).shape for x in signature.inputs[:3])
    if query[1] % BLOCKS[-1] or key[1] % BLOCKS[-1]:
        return f"the numbers of queries and keys are not multiples of {BLOCKS[-1]}"
    if any(size % STEP or size > WIDEST for size in (query[3], value[3])):
        return f"the sizes of the heads are not multiples of {STEP} up to {WIDEST}"
    if canonical("int64") == "int64":  # then Python's whole numbers do not fit its own, of 32 bits
        return "whole numbers have 64 bits (`jax_enable_x64`)"
    return None


@kernel("nn.attention", tier="pallas", supports=_supports)
def attention_splash(
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
    """`softmax(scale * query @ key) @ value`. Differentiable once, in reverse mode."""
    del bias, mask, zero_empty_rows, flash
    q, k, v = common(query, key, value)
    scaled = (q.astype(jnp.float32) * scale_of(scale, q)).astype(q.dtype)
    attend = _splash(q.shape[2], q.shape[1], k.shape[1], is_causal, window)
    result = jax.vmap(attend)(*(x.transpose(0, 2, 1, 3) for x in (scaled, k, v)))  # [B, N, T, V]
    return cast("Array", result).transpose(0, 2, 1, 3)


@lru_cache(maxsize=64)  # for thousands of keys, looking through their blocks takes a second
def _splash(heads: int, rows: int, columns: int, is_causal: bool, window: int | None) -> Any:
    """A function of queries [N, T, H], keys [K, S, H] and values [K, S, V]."""
    # Pallas for TPUs is an optional dependency in effect: its import takes longer than that of all
    # kernels together, and only a TPU has a use for it.
    from jax.experimental.pallas.ops.tpu import splash_attention  # noqa: PLC0415

    splash = cast("Any", splash_attention)
    shape, side = (rows, columns), None if window is None else window - 1
    if side is not None:
        visible = splash.LocalMask(shape, (side, 0 if is_causal else side), 0)
    else:
        visible = splash.CausalMask(shape) if is_causal else splash.FullMask(shape)
    several = splash.MultiHeadMask([visible] * heads)
    with jax.ensure_compile_time_eval():  # what is kept must not belong to the trace under way
        return splash.make_splash_mha_single_device(
            several, block_sizes=_block_sizes(splash, rows, columns)
        )


def _block_sizes(splash: Any, rows: int, columns: int) -> Any:
    q, kv = (next(size for size in BLOCKS if n % size == 0) for n in (rows, columns))
    names = ("block_kv", "block_kv_compute", "block_kv_dkv", "block_kv_dkv_compute", "block_kv_dq")
    return splash.BlockSizes(block_q=q, block_q_dkv=q, block_q_dq=q, **dict.fromkeys(names, kv))
