"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import conv, dropout, embedding, max_pool

__all__ = ["conv", "dropout", "embedding", "max_pool"]
