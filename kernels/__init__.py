"""The ops: what each computes (`reference`) and faster ways to (`fused`, `pallas`)."""

from graphc.kernels import fused, pallas, reference
from graphc.kernels.registry import OPS, Signature, Target, TensorSpec, select

__all__ = ["OPS", "Signature", "Target", "TensorSpec", "fused", "pallas", "reference", "select"]
