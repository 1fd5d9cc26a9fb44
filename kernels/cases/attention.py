"""Cases of attention: heads of GPT and of an encoder, grouped heads, masks, and many blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.kernels.cases.case import BATCH, Case, Input, floats, given, ints

CAUSAL = {"is_causal": True}
BLOCKS = {"flash": True}  # few scores, but more than one block of queries and of keys


def _operands(
    rows: int, columns: int, heads: int, key_heads: int, size: int, value: int
) -> tuple[Input, Input, Input]:
    return (
        floats(BATCH, rows, heads, size),
        floats(BATCH, columns, key_heads, size),
        floats(BATCH, columns, key_heads, value),
    )


def _mask(*shape: int) -> Input:
    """A mask of whole numbers, which can be negated where booleans cannot."""
    return ints(*shape, high=2)


def _holes(rows: int, columns: int) -> Input:
    """A mask with rows that see nothing."""
    mask = np.random.default_rng(5).uniform(size=(1, 1, rows, columns)) < 0.4
    mask[..., ::7, :] = False
    return given(mask, "int32")


def attention_cases() -> tuple[Case, ...]:
    """All cases of `nn.attention`."""
    small, gpt = _operands(5, 7, 4, 2, 6, 3), _operands(512, 512, 8, 8, 64, 64)
    long = _operands(150, 290, 4, 2, 8, 4)
    table: list[tuple[str, tuple[Input, ...], Input | None, Input | None, dict[str, Any]]] = [
        ("plain", small, None, None, {}),
        ("causal", small, None, None, CAUSAL),
        ("scale", small, None, None, {"scale": 0.3}),
        ("window", small, None, None, {"window": 2}),
        ("mask", small, None, _mask(BATCH, 1, 5, 7), {}),
        ("mask_of_heads", small, None, _mask(BATCH, 4, 5, 7), CAUSAL),
        ("mask_of_keys", small, None, _mask(BATCH, 1, 1, 7), {}),
        ("bias", small, floats(1, 4, 5, 7), None, {}),
        ("bias_and_mask", small, floats(BATCH, 1, 5, 7), _mask(1, 1, 5, 7), CAUSAL),
        ("holes", small, None, _holes(5, 7), {}),
        ("zeroed_holes", small, None, _holes(5, 7), {"zero_empty_rows": True}),
        ("blocks_causal", long, None, None, {**BLOCKS, **CAUSAL}),
        ("blocks_window", _operands(290, 150, 4, 4, 8, 8), None, None, {**BLOCKS, "window": 40}),
        ("blocks_holes", long, None, _holes(150, 290), {**BLOCKS, **CAUSAL}),
        ("blocks_zeroed", long, None, _holes(150, 290), {**BLOCKS, "zero_empty_rows": True}),
        ("blocks_bias", long, floats(1, 4, 150, 290), _mask(BATCH, 4, 150, 290), BLOCKS),
        ("blocks_shared_bias", long, floats(BATCH, 1, 1, 290), None, {**BLOCKS, **CAUSAL}),
    ]
    benched = [("gpt", None, CAUSAL), ("encoder", _mask(BATCH, 1, 1, 512), {})]
    return (
        *(Case("nn.attention", n, (*qkv, bias, mask), a) for n, qkv, bias, mask, a in table),
        *(
            Case("nn.attention", name, (*gpt, None, mask), attrs, 8, bench=True)
            for name, mask, attrs in benched
        ),
    )
