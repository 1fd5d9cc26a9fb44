"""`keras.mixed_precision`: older names of `keras.dtype_policies` and `keras.config`."""

from graphc.keras.engine.dtype_policy import DTypePolicy, dtype_policy, set_dtype_policy
from graphc.keras.optimizers import LossScaleOptimizer

Policy = DTypePolicy
global_policy = dtype_policy
set_global_policy = set_dtype_policy

__all__ = [
    "DTypePolicy", "LossScaleOptimizer", "Policy", "dtype_policy", "global_policy",
    "set_dtype_policy", "set_global_policy",
]  # fmt: skip
