"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import conv, max_pool

__all__ = ["conv", "max_pool"]
