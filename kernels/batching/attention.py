"""Batch rules of attention."""

from __future__ import annotations

from graphc.kernels.batching.kinds import Rule
from graphc.kernels.batching.layers import leading_batch

RULES: dict[str, Rule] = {"nn.attention": leading_batch(0, 1, 2, 3, 4)}
