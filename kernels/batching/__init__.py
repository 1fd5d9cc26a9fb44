"""How each op treats the batch axis, for proving that a step is separable by sample."""

from graphc.kernels.batching.displaced import PLACED_RULES, ROW, Placed, normal
from graphc.kernels.batching.kinds import FREE, MIXED, ROWS, ZEROED, Rule
from graphc.kernels.batching.table import BATCH_RULES, SHAPED_BY_ATTRS

__all__ = [
    "BATCH_RULES", "FREE", "MIXED", "PLACED_RULES", "ROW", "ROWS", "SHAPED_BY_ATTRS", "ZEROED",
    "Placed", "Rule", "normal",
]  # fmt: skip
