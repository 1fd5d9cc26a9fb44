"""Cross-entropy of a dense layer's logits [N, V], of which no more than a block is ever held.

The rows are taken in blocks. Forward keeps two numbers of each row, `m` and `n` of
`fused/cross_entropy.py`. Backward computes a block's logits again, `z = x @ kernel + bias`:

    dx = dz @ kernel'        dkernel = sum of x' @ dz        dbias = sum of dz

One product more than with the logits kept, instead of memory for N x V of them, twice.
Source: Wijmans et al., "Cut Your Losses in Large-Vocabulary Language Models", 2024.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.fused.cross_entropy import (
    FLOATS,
    losses_of,
    result_dtype,
    slopes_of,
    wide_dtype,
)
from graphc.kernels.reference.loss import class_indices
from graphc.kernels.registry import Signature, Target, kernel

LARGEST = 2**22  # logits of a block: 16 MB in float32
NO_CLASS = -1  # the target of a row of padding: no loss, no derivative

Kept = tuple[Array, Array, Array | None, Array, Array, Array]
Sums = tuple[Array, Array | None]


def _supports(signature: Signature, target: Target) -> str | None:
    del target
    x, weights, bias = signature.inputs[:3]
    if x is None or weights is None or x.ndim < 1 or weights.ndim != 2:
        return "it is no product with a matrix"
    if 0 in (*x.shape, *weights.shape):
        return "there are no logits"
    dtypes = {spec.dtype for spec in (x, weights, bias) if spec is not None}
    if len(dtypes) > 1 or not dtypes <= set(FLOATS):
        return "the numbers are not floats of one dtype"
    return None


@kernel("nn.linear_crossentropy", tier="fused", supports=_supports)
def linear_crossentropy_in_blocks(
    x: ArrayLike, kernel: ArrayLike, bias: ArrayLike | None, target: ArrayLike
) -> Array:
    """Losses [...] of `x` [..., D] @ `kernel` [D, V] + `bias` [V] at `target` [...], by blocks.

    In reverse mode only.
    """
    array, weights = jnp.asarray(x), jnp.asarray(kernel)
    places = class_indices(target, (*array.shape[:-1], weights.shape[1]))
    rows = array.reshape(-1, array.shape[-1])
    shift = None if bias is None else jnp.asarray(bias)
    losses: Array = _losses(rows, weights, shift, places.reshape(-1))
    return losses.reshape(places.shape).astype(result_dtype(losses.dtype))


def rows_of_block(rows: int, classes: int) -> int:
    """How many of the rows a block takes: at most `LARGEST` logits, if more than one row's.

    Where that is not all of them it is a power of two, which the number of rows is often a multiple
    of: then no block is padded.
    """
    most = max(LARGEST // classes, 1)
    return rows if rows <= most else 1 << (most.bit_length() - 1)


def _in_blocks(array: Array, size: int, fill: float = 0) -> Array:
    """Rows [N, ...] as [blocks, size, ...]; the last block is filled up."""
    missing = -len(array) % size
    widths = [(0, missing), *((0, 0) for _ in array.shape[1:])]
    full = jnp.pad(array, widths, constant_values=fill) if missing else array
    return full.reshape(-1, size, *array.shape[1:])


def _logits(x: Array, weights: Array, bias: Array | None) -> Array:
    wide = wide_dtype(x.dtype)
    product = jnp.matmul(x, weights, preferred_element_type=wide)
    return product if bias is None else product + bias.astype(wide)


@jax.custom_vjp
def _losses(x: Array, weights: Array, bias: Array | None, places: Array) -> Array:
    return _forward(x, weights, bias, places)[0]


def _forward(x: Array, weights: Array, bias: Array | None, places: Array) -> tuple[Array, Kept]:
    count, size = len(x), rows_of_block(len(x), weights.shape[1])

    def block(given: tuple[Array, Array]) -> tuple[Array, Array, Array]:
        return losses_of(_logits(given[0], weights, bias), given[1])

    found = lax.map(block, (_in_blocks(x, size), _in_blocks(places, size, NO_CLASS)))
    losses, highest, log_total = (each.reshape(-1)[:count] for each in found)
    return losses, (x, weights, bias, places, highest, log_total)


def _backward(kept: Kept, cotangent: Array) -> tuple[Array, Array, Array | None, None]:
    x, weights, bias, places, highest, log_total = kept
    count, size = len(x), rows_of_block(len(x), weights.shape[1])
    wide = highest.dtype

    def turn(sums: Sums, block: tuple[Array, ...]) -> tuple[Sums, Array]:
        own, *rest = block
        dz = slopes_of(_logits(own, weights, bias), *rest)
        narrow = dz.astype(weights.dtype)
        dx = jnp.matmul(narrow, weights.T, preferred_element_type=wide).astype(x.dtype)
        dweights = sums[0] + jnp.matmul(own.T, narrow, preferred_element_type=wide)
        return (dweights, None if sums[1] is None else sums[1] + jnp.sum(dz, 0)), dx

    start = (
        jnp.zeros(weights.shape, wide),
        None if bias is None else jnp.zeros(bias.shape, wide),
    )
    # No logit is near an infinite maximum: what is padded has no share that could overflow.
    statistics = (_in_blocks(highest, size, jnp.inf), _in_blocks(log_total, size))
    rows = (_in_blocks(x, size), _in_blocks(places, size, NO_CLASS))
    blocks = (*rows, *statistics, _in_blocks(cotangent, size))
    (dweights, dbias), dx = lax.scan(turn, start, blocks)
    slope = None if bias is None or dbias is None else dbias.astype(bias.dtype)
    return dx.reshape(-1, x.shape[1])[:count], dweights.astype(weights.dtype), slope, None


_losses.defvjp(_forward, _backward)
