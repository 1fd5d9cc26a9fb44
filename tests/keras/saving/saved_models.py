"""Small models of every layer with weights, by family: what files are tried on.

A builder takes the library (`graphc.keras` or real Keras) and returns a model that is not compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Build = Callable[[Any], Any]


def chain(shape: tuple[int | None, ...], *layers: Any, dtype: str = "float32") -> Build:
    """Return a builder of a Sequential model: each layer is (class name, arguments)."""

    def build(keras: Any) -> Any:
        made = [_made(keras, *layer) for layer in layers]
        return keras.Sequential([keras.Input(shape, dtype=dtype), *made])

    return build


def _made(keras: Any, name: str, arguments: dict[str, Any]) -> Any:
    given = {k: v(keras) if callable(v) else v for k, v in arguments.items()}
    return getattr(keras.layers, name)(**given)


def inner(name: str, **arguments: Any) -> Callable[[Any], Any]:
    """Return what makes a layer that is an argument of another one."""
    return lambda keras: getattr(keras.layers, name)(**arguments)


def _attention(keras: Any) -> Any:
    words = keras.Input((6, 8))
    x = keras.layers.MultiHeadAttention(2, 4)(words, words)
    x = keras.layers.GroupQueryAttention(4, 4, 2)(x, x)
    return keras.Model(words, keras.layers.AdditiveAttention()([x, words]))


def _nested(keras: Any) -> Any:
    inside = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, "relu")])
    x = keras.Input((4,))
    block = keras.Model(x, keras.layers.Dense(3)(inside(x)), name="block")
    y = keras.Input((4,))
    return keras.Model(y, keras.layers.Dense(2)(block(y)))


def _shared(keras: Any) -> Any:
    one, other = keras.Input((4,)), keras.Input((4,))
    dense = keras.layers.Dense(3)
    both = keras.layers.Concatenate()([dense(one), dense(other)])
    return keras.Model([one, other], keras.layers.Dense(2)(both))


def _two_outputs(keras: Any) -> Any:
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(5, activation="tanh")(x)
    ends = {"a": keras.layers.Dense(2, name="a")(hidden), "b": keras.layers.Dense(1)(hidden)}
    return keras.Model({"x": x}, ends)


def _operations(keras: Any) -> Any:
    x = keras.Input((4,))
    hidden = keras.layers.Dense(4)(x) * 2.0 + x
    return keras.Model(x, keras.ops.relu(keras.layers.Dense(3)(hidden)))


def _lstm_cells(keras: Any) -> Any:
    cells = [keras.layers.LSTMCell(3), keras.layers.GRUCell(4)]
    return keras.Sequential([keras.Input((5, 2)), keras.layers.RNN(cells)])


MODELS: dict[str, dict[str, Build]] = {
    "core": {
        "dense": chain((4,), ("Dense", {"units": 3}), ("Dense", {"units": 2, "use_bias": False})),
        "embedding": chain((6,), ("Embedding", {"input_dim": 9, "output_dim": 3}), dtype="int32"),
        "einsum_dense": chain(
            (4, 3), ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 5),
                                     "bias_axes": "d"}),
        ),
        "dropout": chain((4,), ("Dropout", {"rate": 0.2}), ("Dense", {"units": 3}),
                         ("GaussianNoise", {"stddev": 0.1})),
        "prelu": chain((4,), ("PReLU", {}), ("Dense", {"units": 3})),
        "reversible_embedding": chain(
            (6,), ("ReversibleEmbedding", {"input_dim": 9, "output_dim": 3}), dtype="int32"
        ),
    },
    "convolution": {
        "conv1d": chain((9, 3), ("Conv1D", {"filters": 4, "kernel_size": 3})),
        "conv2d": chain((8, 8, 3), ("Conv2D", {"filters": 4, "kernel_size": 3}),
                        ("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 2})),
        "conv3d": chain((5, 5, 5, 2), ("Conv3D", {"filters": 3, "kernel_size": 2})),
        "transposed": chain((5, 5, 2), ("Conv2DTranspose", {"filters": 3, "kernel_size": 3})),
        "separable": chain((8, 8, 3), ("SeparableConv2D", {"filters": 4, "kernel_size": 3})),
        "depthwise": chain((8, 8, 3), ("DepthwiseConv2D", {"kernel_size": 3})),
    },
    "normalization": {
        "batch": chain((4, 3), ("BatchNormalization", {})),
        "layer": chain((4, 3), ("LayerNormalization", {})),
        "group": chain((4, 6), ("GroupNormalization", {"groups": 3})),
        "rms": chain((4, 6), ("RMSNormalization", {})),
        "unit": chain((4, 6), ("UnitNormalization", {}), ("Dense", {"units": 2})),
        "spectral": chain((4,), ("SpectralNormalization", {"layer": inner("Dense", units=3)})),
    },
    "recurrent": {
        "lstm": chain((5, 2), ("LSTM", {"units": 3, "return_sequences": True}),
                      ("LSTM", {"units": 3})),
        "gru": chain((5, 2), ("GRU", {"units": 3, "dropout": 0.1})),
        "simple": chain((5, 2), ("SimpleRNN", {"units": 3})),
        "bidirectional": chain((5, 2), ("Bidirectional", {"layer": inner("LSTM", units=3)})),
        "time_distributed": chain((5, 4), ("TimeDistributed", {"layer": inner("Dense", units=3)})),
        "cells": _lstm_cells,
        "conv_lstm": chain((3, 6, 6, 2), ("ConvLSTM2D", {"filters": 3, "kernel_size": 3})),
    },
    "attention": {"attention": _attention},
    "preprocessing": {
        "normalization": chain((3,), ("Normalization", {"mean": [1.0, 2.0, 3.0],
                                                        "variance": [4.0, 1.0, 2.0]}),
                               ("Dense", {"units": 2})),
        "discretization": chain((3,), ("Discretization", {"bin_boundaries": [0.0, 1.0]})),
    },
    "graphs": {
        "nested": _nested,
        "shared": _shared,
        "two_outputs": _two_outputs,
        "operations": _operations,
    },
    "policies": {
        "mixed_float16": chain((4,), ("Dense", {"units": 3, "dtype": "mixed_float16"})),
        "bfloat16": chain((4,), ("Dense", {"units": 3, "dtype": "bfloat16"})),
    },
}  # fmt: skip


def inputs_of(model: Any, rows: int = 3) -> Any:
    """Return made-up inputs of a model, in its structure."""
    rng = np.random.default_rng(5)
    found = {
        tensor.name: rng.integers(0, 5, (rows, *tensor.shape[1:])).astype(tensor.dtype)
        if tensor.dtype.startswith("int")
        else rng.normal(size=(rows, *tensor.shape[1:])).astype("float32")
        for tensor in model.inputs
    }
    if "x" in found:  # the model of dictionaries
        return found
    values = list(found.values())
    return values[0] if len(values) == 1 else values
