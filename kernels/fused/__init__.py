"""Portable kernels that beat XLA's own lowering: importing this package registers them."""

from graphc.kernels.fused import (
    attention,
    attention_cudnn,
    attention_whole,
    conv,
    conv_groups,
    conv_transpose,
    cross_entropy,
    depthwise,
    dropout,
    embedding,
    embedding_bag,
    linear_cross_entropy,
    max_pool,
    norm,
    recurrent,
    remat,
)

__all__ = [
    "attention",
    "attention_cudnn",
    "attention_whole",
    "conv",
    "conv_groups",
    "conv_transpose",
    "cross_entropy",
    "depthwise",
    "dropout",
    "embedding",
    "embedding_bag",
    "linear_cross_entropy",
    "max_pool",
    "norm",
    "recurrent",
    "remat",
]
