"""How each op treats the batch axis, for proving that a step is separable by sample."""

from graphc.kernels.batching.kinds import FREE, MIXED, ROWS, ZEROED, Rule
from graphc.kernels.batching.table import BATCH_RULES, SHAPED_BY_ATTRS

__all__ = ["BATCH_RULES", "FREE", "MIXED", "ROWS", "SHAPED_BY_ATTRS", "ZEROED", "Rule"]
