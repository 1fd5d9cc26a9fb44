"""Every convolution against Keras's: arguments, ranks, data formats, dtypes; two models fitted."""

from __future__ import annotations

import pytest

from graphc import keras as ours
from tests.keras.layers.checking import CHECKS, MARKS, check_in_models, draw, first_of_each, ids
from tests.oracle.pairing import Data, check, labels, rows

pytestmark = MARKS

STEPS = {"x": (2, 9, 4)}
IMAGE = {"x": (2, 8, 9, 4)}
VOLUME = {"x": (2, 5, 6, 5, 4)}
STEPS_FIRST = {"x": (2, 4, 9)}
IMAGE_FIRST = {"x": (2, 4, 8, 9)}
VOLUME_FIRST = {"x": (2, 4, 5, 6, 5)}
INTEGERS = {"x": (2, 8, 9, 4), "dtype": "int32", "high": 9}
FIRST = {"data_format": "channels_first"}
TWO = {"filters": 2, "kernel_size": 2}
THREE = {"filters": 4, "kernel_size": 3}
SAME = {"padding": "same"}
LAST = [("1D", STEPS), ("2D", IMAGE), ("3D", VOLUME)]
CHANNELS_FIRST = [("1D", STEPS_FIRST), ("2D", IMAGE_FIRST), ("3D", VOLUME_FIRST)]
DTYPES = [
    ({"dtype": "mixed_bfloat16"}, IMAGE),
    ({"dtype": "float16"}, IMAGE),
    ({"dtype": "mixed_float16"}, {**IMAGE, "dtype": "float16"}),
    ({}, {**IMAGE, "dtype": "float64"}),
    ({}, INTEGERS),
]


def regularized(*names):
    """Arguments that an initializer, a regularizer and a constraint serialize and apply."""
    return {
        key: value
        for name in names
        for key, value in {
            f"{name}_initializer": "he_normal" if name != "bias" else "ones",
            f"{name}_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
            f"{name}_constraint": "non_neg",
        }.items()
    }


PLAIN = [
    *((f"Conv{n}", {**TWO, "activation": "relu"}, spec) for n, spec in LAST),
    *((f"Conv{n}", {**TWO, **SAME, **FIRST, "strides": 2}, spec) for n, spec in CHANNELS_FIRST),
    *((f"Conv{n}", {**THREE, "groups": 2, **SAME}, spec) for n, spec in LAST),
    *((f"Conv{n}", {**THREE, "groups": 4, "strides": 2}, spec) for n, spec in LAST),
    *((f"Conv{n}", {**TWO, "dilation_rate": 2, **SAME}, spec) for n, spec in LAST),
    *(("Conv2D", {**THREE, **policy}, spec) for policy, spec in DTYPES),
    ("Conv1D", {**THREE, "padding": "causal", "dilation_rate": 2, "groups": 2}, STEPS),
    ("Conv1D", {**THREE, "padding": "causal", **FIRST}, STEPS_FIRST),
    ("Conv1D", {**THREE, "padding": "CAUSAL", "strides": 2}, STEPS),
    ("Conv2D", {**THREE, "groups": 2, "use_bias": False, **FIRST}, IMAGE_FIRST),
    ("Conv2D", {**TWO, "strides": (2, 1), "padding": "SAME", **regularized("kernel")}, IMAGE),
    ("Conv2D", {"filters": 5, "kernel_size": (1, 1), **regularized("bias")}, IMAGE),
    ("Conv3D", {"filters": 2, "kernel_size": (1, 2, 3), "dilation_rate": (2, 1, 1)}, VOLUME),
    ("Conv2D", {**TWO, "activity_regularizer": "l2", "trainable": False}, IMAGE),
]
TRANSPOSED = [
    *((f"Conv{n}Transpose", {**TWO, "strides": 2, "activation": "relu"}, s) for n, s in LAST),
    *((f"Conv{n}Transpose", {**THREE, **SAME, "strides": 2}, spec) for n, spec in LAST),
    *((f"Conv{n}Transpose", {**TWO, **FIRST, "strides": 3}, s) for n, s in CHANNELS_FIRST),
    *((f"Conv{n}Transpose", {**TWO, "dilation_rate": 2}, spec) for n, spec in LAST),
    *(
        (f"Conv{n}Transpose", {**THREE, "strides": 2, "output_padding": 1, **SAME}, spec)
        for n, spec in LAST
    ),
    *(("Conv2DTranspose", {**THREE, "strides": 2, **policy}, spec) for policy, spec in DTYPES[:4]),
    ("Conv2DTranspose", {**THREE, "strides": (3, 2), "output_padding": (2, 0)}, IMAGE),
    ("Conv2DTranspose", {**TWO, "strides": 3, "output_padding": (1, 0), **SAME}, IMAGE),
    ("Conv2DTranspose", {**THREE, **FIRST, **SAME, "strides": (2, 1)}, IMAGE_FIRST),
    ("Conv2DTranspose", {**THREE, **SAME, "dilation_rate": (2, 1)}, IMAGE),
    ("Conv2DTranspose", {**TWO, "use_bias": False, **regularized("kernel")}, IMAGE),
    ("Conv2DTranspose", {**TWO, "activity_regularizer": "l2", **regularized("bias")}, IMAGE),
    ("Conv3DTranspose", {**TWO, **FIRST, "strides": (1, 2, 2), "output_padding": 0}, VOLUME_FIRST),
]
APART = [
    *((f"DepthwiseConv{n}", {"kernel_size": 3, "activation": "relu"}, s) for n, s in LAST[:2]),
    *(
        (f"DepthwiseConv{n}", {"kernel_size": 2, "depth_multiplier": 3, **SAME, **FIRST}, spec)
        for n, spec in CHANNELS_FIRST[:2]
    ),
    *((f"DepthwiseConv{n}", {"kernel_size": 3, "strides": 2, **SAME}, s) for n, s in LAST[:2]),
    *((f"DepthwiseConv{n}", {"kernel_size": 2, "dilation_rate": 3}, s) for n, s in LAST[:2]),
    *(("DepthwiseConv2D", {"kernel_size": 3, **policy}, spec) for policy, spec in DTYPES[:4]),
    ("DepthwiseConv2D", {"kernel_size": (3, 2), "strides": 2, "dilation_rate": 2}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 3, "use_bias": False, **regularized("depthwise")}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": 1, "activity_regularizer": "l2"}, IMAGE),
    ("DepthwiseConv2D", {"kernel_size": (1, 3), "strides": (1, 2), **FIRST}, IMAGE_FIRST),
    *((f"SeparableConv{n}", {**THREE, "activation": "relu"}, spec) for n, spec in LAST[:2]),
    *(
        (f"SeparableConv{n}", {**TWO, "depth_multiplier": 3, **SAME, **FIRST}, spec)
        for n, spec in CHANNELS_FIRST[:2]
    ),
    *((f"SeparableConv{n}", {**THREE, "strides": 2, **SAME}, spec) for n, spec in LAST[:2]),
    *((f"SeparableConv{n}", {**TWO, "dilation_rate": 2}, spec) for n, spec in LAST[:2]),
    *(("SeparableConv2D", {**THREE, **policy}, spec) for policy, spec in DTYPES[:4]),
    ("SeparableConv2D", {**TWO, **regularized("depthwise", "pointwise", "bias")}, IMAGE),
    ("SeparableConv2D", {**TWO, "use_bias": False, "activity_regularizer": "l2"}, IMAGE),
]
CASES = [*PLAIN, *TRANSPOSED, *APART]


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, kind, case):
    CHECKS[kind](keras, *case)


@pytest.mark.parametrize("case", first_of_each(CASES), ids=ids(first_of_each(CASES)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


BAD_ARGUMENTS = [
    *((name, {"filters": 0, "kernel_size": 3}) for name in ("Conv1DTranspose", "SeparableConv2D")),
    *(
        (name, {"filters": 2, "kernel_size": 3, **bad})
        for name in ("Conv2D", "Conv2DTranspose", "SeparableConv2D")
        for bad in (
            {"kernel_size": (3, 3, 3)}, {"kernel_size": 0}, {"strides": (1, 0)}, {"strides": "2"},
            {"padding": "causal"}, {"data_format": "last"}, {"dilation_rate": -1},
            {"activation": "rellu"},
        )
    ),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 0}),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 2}),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3, "output_padding": (-1, 0)}),
    ("DepthwiseConv2D", {"kernel_size": 0}),
    ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 0}),
    ("DepthwiseConv1D", {"kernel_size": 3, "padding": "causal"}),
    ("SeparableConv1D", {"filters": 2, "kernel_size": 3, "depth_multiplier": -1}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments"), BAD_ARGUMENTS)
def test_bad_arguments(keras, name, arguments):
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.layers, name)(**arguments)
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.layers, name)(**arguments)


BAD_INPUTS = [
    ("Conv1D", {"filters": 2, "kernel_size": 3}, (2, 2, 3)),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "groups": 2}, (2, 5, 5, 3)),
    ("Conv2D", {"filters": 2, "kernel_size": 3}, (2, 5, 5)),
    ("Conv2DTranspose", {"filters": 2, "kernel_size": 3}, (2, 5, 5)),
    ("DepthwiseConv2D", {"kernel_size": 3}, (2, 2, 5, 3)),
    ("DepthwiseConv2D", {"kernel_size": 3}, (2, 5, 3)),
    ("SeparableConv2D", {"filters": 2, "kernel_size": 3, "dilation_rate": 3}, (2, 5, 5, 3)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), BAD_INPUTS)
def test_bad_inputs(keras, name, arguments, shape):
    x = draw(shape)
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.layers, name)(**arguments)(x)
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.layers, name)(**arguments)(x)


@pytest.mark.parametrize(
    ("name", "arguments", "shape"),
    [
        ("Conv1DTranspose", {**THREE, "strides": 2}, (None, None, 3)),
        ("Conv2DTranspose", {**THREE, "strides": 2, "padding": "same"}, (None, None, 4, 3)),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, (None, None, None, 3)),
        ("SeparableConv1D", {**THREE, "padding": "same"}, (None, None, 3)),
        ("Conv1D", {**THREE, "padding": "causal"}, (None, None, 3)),
    ],
)
def test_unknown_sizes(keras, name, arguments, shape):
    found, expected = (
        getattr(library.layers, name)(**arguments)(library.KerasTensor(shape)).shape
        for library in (ours, keras)
    )
    assert found == expected


def test_unknown_channels_are_refused():
    for name in ("Conv2D", "Conv2DTranspose", "SeparableConv2D"):
        layer = getattr(ours.layers, name)(2, 3)
        with pytest.raises(ValueError, match="known number of channels"):
            layer(ours.KerasTensor((None, 4, 4, None)))


def test_names_are_shared(keras):
    names = [n for n in dir(keras.layers) if n.startswith(("Convolution", "SeparableConvolution"))]
    assert len(names) == 8
    for name in names:
        short = name.replace("Convolution", "Conv")
        assert getattr(ours.layers, name) is getattr(ours.layers, short)


LORA = {**THREE, "groups": 2, "lora_rank": 2, "lora_alpha": 4.0}


@pytest.mark.parametrize("kind", CHECKS)
def test_low_rank_adaptation(keras, kind):
    CHECKS[kind](keras, "Conv2D", LORA, IMAGE)


def test_low_rank_adaptation_refuses_a_constraint():
    layer = ours.layers.Conv2D(2, 3, kernel_constraint="non_neg")
    layer(draw((1, 4, 4, 3)))
    with pytest.raises(ValueError, match="Received"):
        layer.enable_lora(2)


def separable_model(keras):
    """A MobileNet in small: depthwise and separable blocks, batch-normalised."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 3)),
        layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.SeparableConv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(8, 3, groups=2, padding="same", activation="tanh"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(4, activation="softmax"),
    ])  # fmt: skip


def transposed_model(keras):
    """An autoencoder: strided convolutions down, transposed ones up again."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((8, 8, 3)),
        layers.Conv2D(6, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(6, 3, strides=2, padding="same", activation="relu"),
        layers.Conv2DTranspose(4, 2, strides=2, activation="relu"),
        layers.Conv2DTranspose(3, 3, padding="same"),
    ])  # fmt: skip


def test_fit_of_a_separable_model(keras):
    compiled = lambda k: {"loss": "sparse_categorical_crossentropy"}  # noqa: E731
    check(keras, separable_model, Data(rows((8, 8, 3)), labels(4)), compiled, outputs=True)


def test_fit_of_a_transposed_model(keras):
    x = rows((8, 8, 3))
    check(keras, transposed_model, Data(x, x), lambda k: {"loss": "mse"}, outputs=True)
