"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import (
    attention,
    attention_whole,
    conv,
    conv_groups,
    conv_transpose,
    depthwise,
    dropout,
    embedding,
    embedding_bag,
    max_pool,
    norm,
    recurrent,
    remat,
)

__all__ = [
    "attention",
    "attention_whole",
    "conv",
    "conv_groups",
    "conv_transpose",
    "depthwise",
    "dropout",
    "embedding",
    "embedding_bag",
    "max_pool",
    "norm",
    "recurrent",
    "remat",
]
