"""The function of `keras.ops` for scaled dot-product attention."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.uniform import attribute, operand


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Return `softmax(scale * query @ key + bias) @ value` for each head: [B, T, N, H].

    Args:
        query: [B, T, N, H].
        key: [B, S, K, H]; each of its K heads serves N / K heads of the query.
        value: as the key.
        bias: broadcasts to [B, N, T, S].
        mask: likewise; where it is true, a query attends to a key. A query that attends to none
            gets the mean of the values.
        scale: 1 / sqrt(H) when None.
        is_causal: whether a query attends only to keys at its own position and before.
        flash_attention: whether the scores may not all exist at once; None decides by the sizes.
        attn_logits_soft_cap: must be None, for it needs a TPU.

    Raises:
        ValueError: a rank other than 4, or `attn_logits_soft_cap` is given.
    """
    if attn_logits_soft_cap is not None:
        raise ValueError(
            "Expected `attn_logits_soft_cap` to be None: it is only supported on TPU. "
            f"Received: attn_logits_soft_cap={attn_logits_soft_cap}"
        )
    tensors = [operand(tensor) for tensor in (query, key, value)]
    shapes = [tuple(tensor.shape) for tensor in tensors]
    if any(len(shape) != 4 for shape in shapes):
        raise ValueError(
            "Expected `query`, `key` and `value` to have 4 axes. Received: "
            f"query.shape={shapes[0]}, key.shape={shapes[1]}, value.shape={shapes[2]}"
        )
    return apply(
        "nn.attention",
        *tensors,
        _with_four_axes(bias),
        _with_four_axes(mask),
        scale=attribute("scale", scale),
        is_causal=bool(is_causal),
        flash=flash_attention,
    )


def _with_four_axes(table: Any) -> Any:
    table = operand(table)
    if table is None or len(table.shape) == 4:
        return table
    axes = tuple(range(4 - len(table.shape)))
    return apply("shape.expand_dims", table, axis=axes)
