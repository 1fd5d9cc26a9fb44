"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import conv, embedding, max_pool

__all__ = ["conv", "embedding", "max_pool"]
