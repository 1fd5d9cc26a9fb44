"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import conv, dropout, max_pool

__all__ = ["conv", "dropout", "max_pool"]
