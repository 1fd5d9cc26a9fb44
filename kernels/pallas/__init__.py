"""Kernels in Pallas, for accelerators only: importing this package registers them."""

from graphc.kernels.pallas import attention_tpu

__all__ = ["attention_tpu"]
