"""The ops: what each computes (`reference`) and faster ways to compute it (`fused`)."""

from graphc.kernels import fused, reference
from graphc.kernels.registry import OPS, Signature, Target, TensorSpec, select

__all__ = ["OPS", "Signature", "Target", "TensorSpec", "fused", "reference", "select"]
