"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import (
    attention,
    conv,
    conv_groups,
    conv_transpose,
    depthwise,
    dropout,
    embedding,
    embedding_bag,
    max_pool,
    recurrent,
    remat,
)

__all__ = [
    "attention",
    "conv",
    "conv_groups",
    "conv_transpose",
    "depthwise",
    "dropout",
    "embedding",
    "embedding_bag",
    "max_pool",
    "recurrent",
    "remat",
]
