"""Models of every layer family that ONNX can express, by family and name.

A builder takes no arguments and returns a model that is not compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc import keras

L = keras.layers
Build = Callable[[], Any]


def chain(shape: tuple[int, ...], *layers: Callable[[], Any], dtype: str = "float32") -> Build:
    """Return a builder of a Sequential model."""
    return lambda: keras.Sequential([keras.Input(shape, dtype=dtype), *(make() for make in layers)])


def of(name: str, *args: Any, **kwargs: Any) -> Callable[[], Any]:
    """Return what makes a layer."""
    return lambda: getattr(L, name)(*args, **kwargs)


def wrapped(name: str, inner: Callable[[], Any], **kwargs: Any) -> Callable[[], Any]:
    """Return what makes a wrapper of a layer."""
    return lambda: getattr(L, name)(inner(), **kwargs)


def function(shape: tuple[int, ...], call: Callable[[Any], Any], dtype: str = "float32") -> Build:
    """Return a builder of a functional model of one input and one output."""

    def build() -> Any:
        x = keras.Input(shape, dtype=dtype)
        return keras.Model(x, call(x))

    return build


def merged(name: str, count: int = 3, **kwargs: Any) -> Build:
    """Return a builder of a model that merges several inputs."""

    def build() -> Any:
        inputs = [keras.Input((4, 3)) for _ in range(count)]
        return keras.Model(inputs, getattr(L, name)(**kwargs)(inputs))

    return build


DENSE = {
    "dense": chain((4,), of("Dense", 3, "relu"), of("Dense", 2, use_bias=False)),
    "dense_3d": chain((5, 4), of("Dense", 3, "gelu")),
    "einsum": chain((4, 3), of("EinsumDense", "abc,cd->abd", output_shape=(None, 5),
                               bias_axes="d")),
    "embedding": chain((6,), of("Embedding", 9, 3), dtype="int32"),
    "embedding_bag": chain((6,), of("Embedding", 9, 3), of("GlobalAveragePooling1D"),
                           dtype="int32"),
    "embedding_masked": chain((6,), of("Embedding", 9, 3, mask_zero=True),
                              of("GlobalAveragePooling1D"), dtype="int32"),
    "dropout": chain((4,), of("Dropout", 0.5), of("Dense", 3), of("GaussianNoise", 0.1),
                     of("AlphaDropout", 0.1), of("ActivityRegularization", 0.1)),
    "prelu": chain((4, 3), of("PReLU", shared_axes=[1])),
    "reversible": chain((6,), of("ReversibleEmbedding", 9, 3), dtype="int32"),
}  # fmt: skip

CONVOLUTION = {
    **{
        f"conv2d_{padding}_{strides}_{rate}": chain(
            (9, 8, 4), of("Conv2D", 6, 3, strides=strides, padding=padding, dilation_rate=rate)
        )
        for padding in ("same", "valid") for strides, rate in ((1, 1), (2, 1), (1, 2))
    },
    "conv2d_groups": chain((8, 8, 4), of("Conv2D", 6, (3, 2), groups=2, padding="same")),
    "conv2d_even": chain((7, 7, 2), of("Conv2D", 3, 4, strides=3, padding="same")),
    "conv2d_first": chain((3, 8, 8), of("Conv2D", 4, 3, data_format="channels_first"),
                          of("MaxPooling2D", data_format="channels_first")),
    "conv1d_causal": chain((9, 3), of("Conv1D", 4, 3, padding="causal", dilation_rate=2)),
    "conv1d_strides": chain((9, 3), of("Conv1D", 4, 3, strides=2, padding="same")),
    "conv3d": chain((5, 5, 5, 2), of("Conv3D", 3, 2, padding="same", strides=2)),
    "depthwise": chain((8, 8, 3), of("DepthwiseConv2D", 3, depth_multiplier=2, padding="same")),
    "depthwise_strides": chain((8, 8, 3), of("DepthwiseConv2D", 3, strides=2)),
    "depthwise1d": chain((8, 3), of("DepthwiseConv1D", 3)),
    "separable": chain((8, 8, 3), of("SeparableConv2D", 4, 3, padding="same", depth_multiplier=2)),
    "separable1d": chain((8, 3), of("SeparableConv1D", 4, 3)),
    **{
        f"transposed_{padding}_{strides}": chain(
            (5, 6, 2), of("Conv2DTranspose", 3, 3, strides=strides, padding=padding)
        )
        for padding in ("same", "valid") for strides in (1, 2, 3)
    },
    "transposed_wide_stride": chain((5, 5, 2), of("Conv2DTranspose", 3, 2, strides=3)),
    "transposed_extra": chain((5, 5, 2), of("Conv2DTranspose", 3, 3, strides=2, padding="same",
                                            output_padding=1)),
    "transposed_dilated": chain((5, 5, 2), of("Conv2DTranspose", 3, 3, dilation_rate=2)),
    "transposed1d": chain((5, 2), of("Conv1DTranspose", 3, 3, strides=2, padding="same")),
    "transposed3d": chain((3, 3, 3, 2), of("Conv3DTranspose", 2, 2, strides=2)),
}  # fmt: skip

POOLING = {
    **{
        f"{kind.lower()}_{padding}": chain(
            (9, 8, 3), of(f"{kind}Pooling2D", 3, strides=2, padding=padding)
        )
        for kind in ("Max", "Average")
        for padding in ("same", "valid")
    },
    "pool1d": chain((9, 3), of("MaxPooling1D", 2), of("AveragePooling1D", 2, padding="same")),
    "pool3d": chain((6, 6, 6, 2), of("MaxPooling3D", 2), of("AveragePooling3D", 2)),
    "global_average": chain((6, 6, 3), of("Conv2D", 4, 3), of("GlobalAveragePooling2D")),
    "global_max": chain((6, 6, 3), of("Conv2D", 4, 3), of("GlobalMaxPooling2D", keepdims=True)),
    "global_1d": chain((6, 3), of("GlobalMaxPooling1D"), of("Dense", 2)),
    "adaptive": chain((7, 6, 3), of("AdaptiveAveragePooling2D", (3, 2))),
}

NORMALIZATION = {
    "batch": chain((4, 3), of("BatchNormalization")),
    "batch_folded": chain((6, 6, 3), of("Conv2D", 4, 3), of("BatchNormalization"), of("ReLU")),
    "batch_image": chain((6, 6, 3), of("BatchNormalization", scale=False), of("Conv2D", 2, 3)),
    "layer": chain((4, 6), of("LayerNormalization")),
    "layer_axes": chain((4, 6), of("LayerNormalization", axis=[1, 2])),
    "layer_bare": chain((4, 6), of("LayerNormalization", center=False, scale=False)),
    "group": chain((4, 5, 6), of("GroupNormalization", 3)),
    "instance": chain((4, 5, 6), of("GroupNormalization", -1)),
    "rms": chain((4, 6), of("RMSNormalization")),
    "unit": chain((4, 6), of("UnitNormalization")),
    "spectral": chain((4,), wrapped("SpectralNormalization", of("Dense", 3))),
}

RECURRENT = {
    **{
        f"{kind.lower()}_{way}": chain((5, 2), of(kind, 3, **arguments))
        for kind in ("LSTM", "GRU", "SimpleRNN")
        for way, arguments in {
            "last": {}, "sequences": {"return_sequences": True},
            "backwards": {"go_backwards": True, "return_sequences": True},
            "bare": {"use_bias": False}, "relu": {"activation": "relu"},
            "other": {"activation": "elu", "unroll": True},
        }.items()
    },
    "gru_reset_before": chain((5, 2), of("GRU", 3, reset_after=False, return_sequences=True)),
    "hard_sigmoid": chain((5, 2), of("LSTM", 3, recurrent_activation="hard_sigmoid")),
    **{
        f"bidirectional_{kind.lower()}_{mode}": chain((5, 2), wrapped(
            "Bidirectional", of(kind, 3, return_sequences=True), merge_mode=mode))
        for kind, mode in (("LSTM", "concat"), ("GRU", "sum"), ("SimpleRNN", "ave"))
    },
    "bidirectional_stack": chain(
        (6,), of("Embedding", 9, 4), wrapped("Bidirectional", of("LSTM", 3, return_sequences=True)),
        wrapped("Bidirectional", of("LSTM", 3)), of("Dense", 1, "sigmoid"), dtype="int32"),
    "masked": chain((6,), of("Embedding", 9, 4, mask_zero=True), of("LSTM", 3), dtype="int32"),
    "masked_bidirectional": chain(
        (6,), of("Embedding", 9, 4, mask_zero=True), wrapped("Bidirectional", of("GRU", 3)),
        dtype="int32"),
    "masking": chain((6, 3), of("Masking", 0.0), of("GRU", 3, return_sequences=True)),
    "cells": chain((5, 2), lambda: L.RNN([L.LSTMCell(3), L.GRUCell(4), L.SimpleRNNCell(2)])),
    "cell_unrolled": chain((5, 2), lambda: L.RNN(L.GRUCell(4), unroll=True)),
    "conv_lstm": chain((3, 6, 6, 2), of("ConvLSTM2D", 3, 3, padding="same")),
    "time_distributed": chain((5, 6, 6, 2), wrapped("TimeDistributed", of("Conv2D", 3, 3)),
                              wrapped("TimeDistributed", of("Flatten"))),
    "states": function((5, 2), L.LSTM(3, return_state=True)),
    "seq2seq": function((5, 2), lambda x: L.LSTM(3, return_sequences=True)(
        x, initial_state=L.LSTM(3, return_state=True)(x)[1:])),
}  # fmt: skip


def _attention(**kwargs: Any) -> Build:
    def call(x: Any) -> Any:
        return L.MultiHeadAttention(2, 4, **kwargs)(x, x)

    return function((6, 8), call)


def _masked_words(layer: Callable[[Any], Any]) -> Build:
    def call(ids: Any) -> Any:
        return layer(L.Embedding(9, 8, mask_zero=True)(ids))

    return function((6,), call, "int32")


def _cross_attention() -> Any:
    query, value = keras.Input((4, 8)), keras.Input((6, 8))
    mask = keras.Input((4, 6), dtype="bool")
    out = L.MultiHeadAttention(2, 4)(query, value, attention_mask=mask)
    return keras.Model([query, value, mask], out)


ATTENTION = {
    "multi_head": _attention(),
    "other_width": _attention(value_dim=5, output_shape=7),
    "causal": function((6, 8), lambda x: L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True)),
    "scores": function((6, 8), lambda x: L.MultiHeadAttention(2, 4)(
        x, x, return_attention_scores=True)),
    "masked": _masked_words(lambda x: L.MultiHeadAttention(2, 4)(x, x)),
    "masked_causal": _masked_words(lambda x: L.MultiHeadAttention(2, 4)(
        x, x, use_causal_mask=True)),
    "cross": _cross_attention,
    "grouped": function((6, 8), lambda x: L.GroupQueryAttention(4, 4, 2)(x, x)),
    "grouped_causal": function((6, 8), lambda x: L.GroupQueryAttention(4, 4, 2)(
        x, x, use_causal_mask=True)),
    "dot": function((6, 8), lambda x: L.Attention(use_scale=True)([x, x])),
    "concat": function((6, 8), lambda x: L.Attention(score_mode="concat")([x, x])),
    "additive": function((6, 8), lambda x: L.AdditiveAttention()([x, x])),
}  # fmt: skip

ACTIVATIONS = {
    name: chain((4, 3), of("Activation", name))
    for name in (
        "relu", "relu6", "sigmoid", "tanh", "softmax", "log_softmax", "softplus", "softsign",
        "elu", "selu", "celu", "gelu", "silu", "mish", "hard_sigmoid", "hard_silu", "hard_tanh",
        "exponential", "leaky_relu", "linear", "log_sigmoid", "sparsemax", "sparse_plus",
        "tanh_shrink", "soft_shrink", "hard_shrink", "squareplus", "sparse_sigmoid",
    )
} | {
    "glu": chain((4, 6), of("Activation", "glu")),
    "gelu_tanh": chain((4, 3), lambda: L.Activation(
        lambda x: keras.activations.gelu(x, approximate=True))),
    "relu_layer": chain((4, 3), of("ReLU", max_value=2.0, negative_slope=0.1, threshold=0.2)),
    "leaky": chain((4, 3), of("LeakyReLU", 0.3)),
    "elu_layer": chain((4, 3), of("ELU", 0.5)),
    "softmax_axis": chain((4, 3), of("Softmax", axis=1)),
    "softmax_axes": chain((4, 3), of("Softmax", axis=[1, 2])),
}  # fmt: skip

RESHAPING = {
    "reshape": chain((4, 6), of("Reshape", (3, 8)), of("Reshape", (-1,))),
    "flatten": chain((4, 5, 2), of("Flatten"), of("Dense", 2)),
    "flatten_conv": chain((6, 6, 2), of("Conv2D", 3, 3), of("Flatten"), of("Dense", 2)),
    "permute": chain((4, 5, 2), of("Permute", (3, 1, 2))),
    "repeat": chain((4,), of("RepeatVector", 3)),
    "padding": chain((4, 5, 2), of("ZeroPadding2D", ((1, 2), (0, 1))), of("Conv2D", 2, 2)),
    "padding_1d_3d": chain((4, 3, 3, 2), of("ZeroPadding3D", 1), of("Cropping3D", ((1, 0), 1, 0))),
    "cropping": chain((6, 7, 2), of("Cropping2D", ((1, 2), (0, 1)))),
    "up_nearest": chain((4, 5, 2), of("UpSampling2D", (2, 3))),
    "up_bilinear": chain((4, 5, 2), of("UpSampling2D", 2, interpolation="bilinear")),
    "up_bicubic": chain((4, 5, 2), of("UpSampling2D", 2, interpolation="bicubic")),
    "up_1d_3d": chain((3, 2, 2, 2), of("UpSampling3D", 2)),
    "resizing": chain((6, 7, 3), of("Resizing", 4, 9)),
    "resizing_nearest": chain((6, 7, 3), of("Resizing", 9, 5, interpolation="nearest")),
    "resizing_bicubic": chain((6, 7, 3), of("Resizing", 11, 5, interpolation="bicubic")),
    "resizing_lanczos": chain((6, 7, 3), of("Resizing", 4, 4, interpolation="lanczos3")),
    "resizing_antialias": chain((6, 7, 3), of("Resizing", 4, 3, antialias=True)),
    "resizing_crop": chain((6, 9, 3), of("Resizing", 4, 4, crop_to_aspect_ratio=True)),
    "center_crop": chain((6, 7, 3), of("CenterCrop", 4, 4)),
}  # fmt: skip

PREPROCESSING = {
    "rescaling": chain((4, 4, 3), of("Rescaling", 1 / 255, offset=-0.5), dtype="uint8"),
    "normalization": chain((3,), of("Normalization", mean=[1.0, 2.0, 3.0], variance=[4.0, 1, 2])),
    "discretization": chain((3,), of("Discretization", bin_boundaries=[-0.5, 0.0, 1.0])),
    "discretization_hot": chain((3,), of("Discretization", bin_boundaries=[0.0, 1.0],
                                         output_mode="multi_hot")),
    "category_one_hot": chain((1,), of("CategoryEncoding", 6, output_mode="one_hot"),
                              dtype="int32"),
    "category_multi_hot": chain((3,), of("CategoryEncoding", 6), dtype="int32"),
    "category_count": chain((3,), of("CategoryEncoding", 6, output_mode="count"), dtype="int32"),
    "augmentation": chain((6, 6, 3), of("RandomFlip"), of("RandomRotation", 0.1),
                          of("Conv2D", 2, 3)),
}  # fmt: skip

MERGING = {
    name.lower(): merged(name) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")
} | {
    "subtract": merged("Subtract", 2),
    "concatenate": merged("Concatenate", axis=1),
    "dot": merged("Dot", 2, axes=2),
    "dot_normalized": merged("Dot", 2, axes=1, normalize=True),
}

SIGNALS = {
    "stft": chain((64, 1), of("STFTSpectrogram", "log", 16, 8, 16, padding="valid")),
    "mel": chain((256,), of("MelSpectrogram", 32, 16, num_mel_bins=4)),
}

FAMILIES: dict[str, dict[str, Build]] = {
    "dense": DENSE, "convolution": CONVOLUTION, "pooling": POOLING,
    "normalization": NORMALIZATION, "recurrent": RECURRENT, "attention": ATTENTION,
    "activations": ACTIVATIONS, "reshaping": RESHAPING, "preprocessing": PREPROCESSING,
    "merging": MERGING, "signals": SIGNALS,
}  # fmt: skip
