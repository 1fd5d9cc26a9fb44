"""`tf.nn`: Keras's activations under TensorFlow's names, losses on logits, convolutions, pools.

The activations are the same function objects, so that `Dense(16, activation=tf.nn.relu)` is saved
as "relu".
"""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras import random as draws
from graphc.keras.activations import (
    elu,
    gelu,
    log_softmax,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    softsign,
    tanh,
)
from graphc.tensorflow.absent import absent
from graphc.tensorflow.convolving import (
    atrous_conv2d,
    avg_pool,
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    conv1d,
    conv2d,
    conv2d_transpose,
    conv3d,
    depthwise_conv2d,
    max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    separable_conv2d,
)
from graphc.tensorflow.math import in_top_k, l2_normalize, top_k
from graphc.tensorflow.naming import renamed
from graphc.tensorflow.random import stream

depth_to_space = renamed(ops.depth_to_space, input="x")
leaky_relu = renamed(ops.leaky_relu, features="x", alpha="negative_slope")
space_to_depth = renamed(ops.space_to_depth, input="x")
swish = silu


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """Return -Σ labels · log softmax(logits) along an axis, of which labels are probabilities."""
    return ops.negative(
        ops.sum(ops.multiply(labels, ops.log_softmax(logits, axis=axis)), axis=axis)
    )


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Any:
    """Return -log softmax(logits) [..., C] at the classes `labels` [...]."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """Return the cross-entropy of labels and sigmoid(logits), element by element."""
    return weighted_cross_entropy_with_logits(labels, logits, 1.0)


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """Return the same, with what labels of 1 cost multiplied by `pos_weight`."""
    positive = ops.multiply(ops.multiply(labels, pos_weight), ops.softplus(ops.negative(logits)))
    return ops.add(positive, ops.multiply(ops.subtract(1, labels), ops.softplus(logits)))


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Return half of the sum of squares."""
    return ops.divide(ops.sum(ops.square(t)), 2)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """Return `value` plus a vector along its channels: the last axis, or the second in "NC..."."""
    if data_format is None or not data_format.startswith("NC"):
        return ops.add(value, bias)
    rank = len(ops.shape(value))
    return ops.add(value, ops.reshape(bias, (1, -1, *[1] * (rank - 2))))


def dropout(
    x: Any, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None
) -> Any:
    """Return `x` with a share `rate` of its elements zero, the rest scaled by 1 / (1 - rate)."""
    return draws.dropout(x, rate, noise_shape, stream(seed))


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Any]:
    """Return the mean and the variance along axes."""
    return ops.moments(x, axes=axes, keepdims=keepdims)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """Return (x - mean) / √(variance + epsilon) · scale + offset; the last two may be None."""
    factor = ops.rsqrt(ops.add(variance, variance_epsilon))
    factor = factor if scale is None else ops.multiply(factor, scale)
    found = ops.multiply(ops.subtract(x, mean), factor)
    return found if offset is None else ops.add(found, offset)


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """Return the rows of a table [N, D] with these numbers; none longer than `max_norm`."""
    found = ops.take(params, ids, axis=0)
    if max_norm is None:
        return found
    length = ops.sqrt(ops.sum(ops.square(found), axis=-1, keepdims=True))
    return ops.divide(ops.multiply(found, max_norm), ops.maximum(length, max_norm))


def compute_average_loss(
    per_example_loss: Any, sample_weight: Any = None, global_batch_size: Any = None
) -> Any:
    """Return the sum of losses [B], weighted, by the size of the batch."""
    weighted = per_example_loss
    if sample_weight is not None:
        weighted = ops.multiply(per_example_loss, sample_weight)
    rows = global_batch_size or ops.shape(per_example_loss)[0]
    return ops.divide(ops.sum(weighted), rows)


__getattr__ = absent("tensorflow.nn", globals())
