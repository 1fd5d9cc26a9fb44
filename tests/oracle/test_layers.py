"""Every layer inside a small model: outputs, gradients by five steps, three epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.oracle.pairing import MARKS, Data, check, labels, rows

pytestmark = MARKS

ROW, STEPS, IMAGE = (6,), (8, 3), (8, 8, 3)
IDS = "ids"  # tokens [6] of a vocabulary of 9
Make = Callable[[Any], Any]

REGULARIZED = {"kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l2"}

CASES: dict[str, tuple[Any, Make]] = {
    "dense": (ROW, lambda k: k.layers.Dense(4)),
    "dense_no_bias_on_steps": (STEPS, lambda k: k.layers.Dense(4, "tanh", use_bias=False)),
    "dense_regularized": (ROW, lambda k: k.layers.Dense(4, **REGULARIZED)),
    "activation": (ROW, lambda k: k.layers.Activation("gelu")),
    "relu": (ROW, lambda k: k.layers.ReLU(1.0, negative_slope=0.1, threshold=0.2)),
    "leaky_relu": (ROW, lambda k: k.layers.LeakyReLU(0.2)),
    "elu": (ROW, lambda k: k.layers.ELU(0.5)),
    "prelu": (STEPS, lambda k: k.layers.PReLU("random_normal", shared_axes=[1])),
    "softmax": (STEPS, lambda k: k.layers.Softmax(axis=1)),
    "flatten": (IMAGE, lambda k: k.layers.Flatten()),
    "reshape": (STEPS, lambda k: k.layers.Reshape((4, -1))),
    "permute": (STEPS, lambda k: k.layers.Permute((2, 1))),
    "embedding": (IDS, lambda k: k.layers.Embedding(9, 4)),
    "embedding_masked": (IDS, lambda k: k.layers.Embedding(9, 4, mask_zero=True)),
    "dropout": (ROW, lambda k: k.layers.Dropout(0.4, seed=7)),
    "dropout_noise_shape": (STEPS, lambda k: k.layers.Dropout(0.4, (None, 1, 3), seed=7)),
    "batch_norm": (ROW, lambda k: k.layers.BatchNormalization(momentum=0.7)),
    "batch_norm_image": (IMAGE, lambda k: k.layers.BatchNormalization(epsilon=0.1)),
    "batch_norm_plain": (ROW, lambda k: k.layers.BatchNormalization(center=False, scale=False)),
    "layer_norm": (ROW, lambda k: k.layers.LayerNormalization()),
    "layer_norm_axes": (IMAGE, lambda k: k.layers.LayerNormalization(axis=[1, 2, 3])),
    "conv1d": (STEPS, lambda k: k.layers.Conv1D(4, 3, activation="relu")),
    "conv1d_causal": (STEPS, lambda k: k.layers.Conv1D(4, 2, padding="causal", dilation_rate=2)),
    "conv2d": (IMAGE, lambda k: k.layers.Conv2D(4, 3, activation="relu")),
    "conv2d_strided_same": (IMAGE, lambda k: k.layers.Conv2D(4, (3, 2), 2, padding="same")),
    "conv2d_groups": (IMAGE, lambda k: k.layers.Conv2D(6, 3, groups=3, use_bias=False)),
    "conv2d_dilated": (IMAGE, lambda k: k.layers.Conv2D(4, 2, dilation_rate=2)),
    "conv2d_1x1": (IMAGE, lambda k: k.layers.Conv2D(4, 1)),
    "max_pooling1d": (STEPS, lambda k: k.layers.MaxPooling1D(2)),
    "max_pooling1d_overlap": (STEPS, lambda k: k.layers.MaxPooling1D(3, 2, padding="same")),
    "max_pooling2d": (IMAGE, lambda k: k.layers.MaxPooling2D()),
    "max_pooling2d_overlap": (IMAGE, lambda k: k.layers.MaxPooling2D(3, 2, padding="same")),
    "average_pooling1d": (STEPS, lambda k: k.layers.AveragePooling1D(2)),
    "average_pooling2d": (IMAGE, lambda k: k.layers.AveragePooling2D(3, 2, padding="same")),
    "global_average1d": (STEPS, lambda k: k.layers.GlobalAveragePooling1D()),
    "global_max1d": (STEPS, lambda k: k.layers.GlobalMaxPooling1D()),
    "global_average2d": (IMAGE, lambda k: k.layers.GlobalAveragePooling2D(keepdims=True)),
    "global_max2d": (IMAGE, lambda k: k.layers.GlobalMaxPooling2D()),
    "zero_padding2d": (IMAGE, lambda k: k.layers.ZeroPadding2D(((1, 2), (0, 1)))),
    "rescaling": (ROW, lambda k: k.layers.Rescaling(0.5, offset=-1.0)),
    "lambda": (ROW, lambda k: k.layers.Lambda(lambda x: k.ops.square(x) + x)),
    "max_norm": (ROW, lambda k: k.layers.Dense(4, kernel_constraint=k.constraints.MaxNorm(0.3))),
    "non_neg": (ROW, lambda k: k.layers.Dense(4, kernel_constraint="non_neg")),
    "unit_norm": (ROW, lambda k: k.layers.Dense(4, kernel_constraint="unit_norm")),
    "min_max_norm": (
        ROW,
        lambda k: k.layers.Dense(4, kernel_constraint=k.constraints.MinMaxNorm(0.2, 0.4, 0.5)),
    ),
    "l1_l2": (ROW, lambda k: k.layers.Dense(4, kernel_regularizer=k.regularizers.L1L2(0.1, 0.1))),
    "orthogonal": (
        ROW,
        lambda k: k.layers.Dense(
            4, kernel_regularizer=k.regularizers.OrthogonalRegularizer(0.1, "columns")
        ),
    ),
    "activity": (ROW, lambda k: k.layers.ActivityRegularization(l1=0.1, l2=0.1)),
}

MERGES: dict[str, Make] = {
    "add": lambda k: k.layers.Add(),
    "subtract": lambda k: k.layers.Subtract(),
    "multiply": lambda k: k.layers.Multiply(),
    "average": lambda k: k.layers.Average(),
    "maximum": lambda k: k.layers.Maximum(),
    "minimum": lambda k: k.layers.Minimum(),
    "concatenate": lambda k: k.layers.Concatenate(axis=1),
    "dot": lambda k: k.layers.Dot(axes=(2, 2), normalize=True),
}

ACTIVATIONS = (
    "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "softplus", "softsign", "sigmoid", "tanh",
    "softmax", "log_softmax", "exponential", "hard_sigmoid", "silu", "swish", "mish", "linear",
    "celu", "log_sigmoid", "hard_silu", "hard_tanh", "tanh_shrink", "squareplus",
)  # fmt: skip


def _plain(keras: Any) -> dict[str, Any]:
    return {"loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True)}


def _model(keras: Any, shape: Any, make: Make) -> Any:
    """Return input, Dense (so that gradients pass through the layer), the layer, Dense."""
    layers = keras.layers
    if shape == IDS:
        inputs = keras.Input((6,), dtype="int32")
        outputs = layers.GlobalAveragePooling1D()(make(keras)(inputs))
    else:
        inputs = keras.Input(shape)
        outputs = layers.Flatten()(make(keras)(layers.Dense(shape[-1])(inputs)))
    return keras.Model(inputs, layers.Dense(3)(outputs))


@pytest.mark.parametrize("name", CASES)
def test_layer(keras: Any, name: str) -> None:
    shape, make = CASES[name]
    x = labels(9, (6,)).astype("int32") if shape == IDS else rows(shape)
    check(keras, lambda k: _model(k, shape, make), Data(x, labels(3)), _plain, outputs=True)


@pytest.mark.parametrize("name", MERGES)
def test_merging_layer(keras: Any, name: str) -> None:
    def build(k: Any) -> Any:
        inputs = k.Input((4, 5))
        parts = [k.layers.Dense(5)(inputs), k.layers.Dense(5, "tanh")(inputs)]
        return k.Model(inputs, k.layers.Dense(3)(k.layers.Flatten()(MERGES[name](k)(parts))))

    check(keras, build, Data(rows((4, 5)), labels(3)), _plain, outputs=True)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(keras: Any, name: str) -> None:
    def build(k: Any) -> Any:
        layers = [k.Input(ROW), k.layers.Dense(8, activation=name), k.layers.Dense(3)]
        return k.Sequential(layers)

    check(keras, build, Data(rows(ROW), labels(3)), _plain, outputs=True)


@pytest.mark.parametrize("dtype", ["float64", "uint8", "int64", "int32", "bool", "float16"])
def test_input_dtype(keras: Any, dtype: str) -> None:
    def build(k: Any) -> Any:
        return k.Sequential([k.layers.Rescaling(0.1), k.layers.Dense(3)])

    x = (np.abs(rows(ROW)) * 10).astype(dtype)
    check(keras, build, Data(x, labels(3).astype("uint8")), _plain, outputs=True)
