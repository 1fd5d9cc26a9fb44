"""Every layer against Keras's: configuration, first weights, symbolic and real outputs."""

from __future__ import annotations

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    check_traced,
    draw,
    draw_all,
    first_of_each,
    ids,
    make,
    values_of,
)

pytestmark = MARKS

ROWS = {"x": (4, 5)}
STEPS = {"x": (3, 7, 4)}
IMAGE = {"x": (2, 8, 9, 4)}
CHANNELS_FIRST = {"x": (2, 4, 8, 9)}
VOLUME = {"x": (2, 5, 6, 7, 2)}
BYTES = {"x": (2, 5, 6, 3), "dtype": "uint8"}
IDS = {"x": (3, 6), "dtype": "int32", "high": 9}
PAIR = {"x": [(3, 4), (3, 4)]}
THREE = {"x": [(3, 4, 5), (3, 4, 5), (3, 4, 5)]}

REGULARIZED = {
    "kernel_regularizer": "l2",
    "bias_regularizer": {"class_name": "L1", "config": {"l1": 0.5}},
    "kernel_constraint": "max_norm",
    "bias_constraint": "non_neg",
}

CASES = [
    ("Dense", {"units": 3}, ROWS),
    ("Dense", {"units": 3, "activation": "relu", "use_bias": False}, STEPS),
    ("Dense", {"units": 2, "activation": "softmax", "kernel_initializer": "he_normal"}, IMAGE),
    ("Dense", {"units": 2, "activation": "swish", **REGULARIZED}, {**ROWS, "dtype": "float64"}),
    ("Dense", {"units": 2, "dtype": "mixed_bfloat16"}, ROWS),
    ("Dense", {"units": 2, "dtype": "float16"}, ROWS),
    ("Dense", {"units": 2, "activity_regularizer": "l2"}, ROWS),
    ("Activation", {"activation": "tanh"}, ROWS),
    ("Activation", {"activation": "mish"}, STEPS),
    ("Activation", {"activation": "leaky_relu"}, STEPS),
    ("ReLU", {}, ROWS),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.5}, ROWS),
    ("ReLU", {"max_value": 6}, ROWS),
    ("LeakyReLU", {}, ROWS),
    ("LeakyReLU", {"negative_slope": 0.1}, ROWS),
    ("ELU", {"alpha": 0.5}, ROWS),
    ("PReLU", {"alpha_initializer": "ones"}, STEPS),
    ("PReLU", {"alpha_initializer": "random_normal", "shared_axes": [1, 2]}, IMAGE),
    ("Softmax", {}, ROWS),
    ("Softmax", {"axis": 1}, STEPS),
    ("Softmax", {"axis": (1, 2)}, STEPS),
    ("Flatten", {}, IMAGE),
    ("Flatten", {"data_format": "channels_first"}, CHANNELS_FIRST),
    ("Flatten", {}, {"x": (4,)}),
    ("Flatten", {}, BYTES),
    ("Reshape", {"target_shape": (4, 7)}, STEPS),
    ("Reshape", {"target_shape": (2, -1)}, STEPS),
    ("Permute", {"dims": (2, 1)}, STEPS),
    ("RepeatVector", {"n": 3}, ROWS),
    ("Embedding", {"input_dim": 10, "output_dim": 4}, IDS),
    ("Embedding", {"input_dim": 10, "output_dim": 4, "mask_zero": True}, IDS),
    ("Embedding", {"input_dim": 10, "output_dim": 3}, {**IDS, "dtype": "float32"}),
    ("Embedding", {"input_dim": 10, "output_dim": 3, "dtype": "mixed_bfloat16"}, IDS),
    ("Masking", {"mask_value": 0.0}, STEPS),
    ("Identity", {}, ROWS),
    ("Rescaling", {"scale": 1 / 255}, BYTES),
    ("Rescaling", {"scale": 2.0, "offset": -1.0}, ROWS),
    ("Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": [0.0, 1.0, 2.0]}, BYTES),
    ("Dropout", {"rate": 0.3}, ROWS),
    ("GaussianNoise", {"stddev": 0.3}, ROWS),
    ("GaussianDropout", {"rate": 0.3}, ROWS),
    ("SpatialDropout1D", {"rate": 0.3}, STEPS),
    ("SpatialDropout2D", {"rate": 0.3, "data_format": "channels_first"}, CHANNELS_FIRST),
    ("SpatialDropout3D", {"rate": 0.3}, VOLUME),
    ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, ROWS),
    ("BatchNormalization", {}, ROWS),
    ("BatchNormalization", {"axis": 1, "epsilon": 0.1, "gamma_initializer": "normal"}, IMAGE),
    ("BatchNormalization", {"scale": False, "moving_mean_initializer": "ones"}, STEPS),
    ("BatchNormalization", {"center": False, "dtype": "mixed_bfloat16"}, ROWS),
    ("LayerNormalization", {"gamma_initializer": "normal", "beta_initializer": "ones"}, ROWS),
    ("LayerNormalization", {"axis": [1, 2], "gamma_initializer": "normal"}, STEPS),
    ("LayerNormalization", {"axis": 1, "gamma_initializer": "normal"}, STEPS),
    ("LayerNormalization", {"scale": False, "center": False, "epsilon": 0.1}, ROWS),
    ("LayerNormalization", {"dtype": "mixed_bfloat16"}, ROWS),
    ("RMSNormalization", {}, ROWS),
    ("Conv1D", {"filters": 3, "kernel_size": 3}, STEPS),
    ("Conv1D", {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, STEPS),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "strides": 2, "groups": 2}, STEPS),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "activation": "relu"}, IMAGE),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE),
    ("Conv2D", {"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False}, IMAGE),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "dilation_rate": 2, **REGULARIZED}, IMAGE),
    ("Conv2D", {"filters": 2, "kernel_size": 3, "dtype": "mixed_bfloat16"}, IMAGE),
    ("Conv3D", {"filters": 2, "kernel_size": 2}, VOLUME),
    ("MaxPooling1D", {}, STEPS),
    ("MaxPooling1D", {"pool_size": 3, "strides": 1, "padding": "same"}, STEPS),
    ("MaxPooling2D", {}, IMAGE),
    ("MaxPooling2D", {"pool_size": (2, 3), "strides": (1, 2), "padding": "same"}, IMAGE),
    ("MaxPooling2D", {"data_format": "channels_first"}, CHANNELS_FIRST),
    ("MaxPooling2D", {}, BYTES),
    ("MaxPooling3D", {"pool_size": 2}, VOLUME),
    ("AveragePooling1D", {"pool_size": 2}, STEPS),
    ("AveragePooling2D", {"pool_size": 3, "padding": "same", "strides": 2}, IMAGE),
    ("AveragePooling2D", {"pool_size": 2, "data_format": "channels_first"}, CHANNELS_FIRST),
    ("AveragePooling3D", {"pool_size": 2}, VOLUME),
    *((f"Global{kind}Pooling1D", {"keepdims": True}, STEPS) for kind in ("Average", "Max")),
    *((f"Global{kind}Pooling2D", {}, IMAGE) for kind in ("Average", "Max")),
    *((f"Global{kind}Pooling3D", {}, VOLUME) for kind in ("Average", "Max")),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, STEPS),
    ("GlobalMaxPooling2D", {"data_format": "channels_first", "keepdims": True}, CHANNELS_FIRST),
    ("ZeroPadding1D", {"padding": (1, 2)}, STEPS),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 1))}, IMAGE),
    ("ZeroPadding2D", {"padding": 2, "data_format": "channels_first"}, CHANNELS_FIRST),
    ("ZeroPadding3D", {}, VOLUME),
    ("Cropping1D", {"cropping": (1, 2)}, STEPS),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGE),
    ("Cropping2D", {"cropping": 1, "data_format": "channels_first"}, CHANNELS_FIRST),
    ("Cropping3D", {}, VOLUME),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {"size": (1, 2)}, IMAGE),
    ("UpSampling2D", {"interpolation": "bilinear"}, IMAGE),
    ("UpSampling2D", {"interpolation": "bicubic", "size": (3, 2)}, IMAGE),
    (
        "UpSampling2D",
        {"interpolation": "lanczos3", "data_format": "channels_first"},
        CHANNELS_FIRST,
    ),
    ("UpSampling2D", {"interpolation": "lanczos5", "size": 3}, IMAGE),
    ("UpSampling2D", {"data_format": "channels_first"}, CHANNELS_FIRST),
    ("UpSampling3D", {}, VOLUME),
    *((name, {}, THREE) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")),
    *((name, {}, {"x": [(3, 4, 5), (3, 5)]}) for name in ("Add", "Maximum", "Subtract")),
    ("Subtract", {}, PAIR),
    ("Concatenate", {}, PAIR),
    ("Concatenate", {"axis": 1}, {"x": [(3, 4, 5), (3, 2, 5)]}),
    ("Dot", {"axes": 1}, PAIR),
    ("Dot", {"axes": -1, "normalize": True}, PAIR),
    ("Dot", {"axes": (2, 1)}, {"x": [(3, 4, 5), (3, 5, 2)]}),
    ("Dot", {"axes": (1, 2)}, {"x": [(3, 4), (3, 5, 4)]}),
    ("Dot", {"axes": (2, 1)}, {"x": [(3, 2, 4, 5), (3, 4, 6)]}),
]


def keeps_its_policy(layer):
    """Keras keeps the dtype only, which loses a mixed policy."""
    policy = layer.get_config()["dtype"]
    assert policy["config"] == {"name": "float32"} and policy["class_name"] == "DTypePolicy"


def announces_what_it_returns(layer):
    """For integers Keras announces the compute dtype and then returns integers."""
    assert layer(ours.KerasTensor((None, 5, 6, 3), "uint8")).dtype == "uint8"


OWN_WAY = {
    **{("config", f"SpatialDropout{rank}D"): keeps_its_policy for rank in (1, 2, 3)},
    ("symbolic", "MaxPooling2D"): announces_what_it_returns,
}


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, check, case):
    name, arguments, spec = case
    if (check, name) in OWN_WAY and (name[:3] == "Spa" or spec is BYTES):
        OWN_WAY[check, name](getattr(ours.layers, name)(**arguments))
    else:
        CHECKS[check](keras, name, arguments, spec)


@pytest.mark.parametrize("case", first_of_each(CASES), ids=ids(first_of_each(CASES)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


TRAINING = [
    ("Dropout", {"rate": 0.4, "seed": 5}, ROWS),
    ("Dropout", {"rate": 0.4, "seed": 5, "noise_shape": (None, 1, 4)}, STEPS),
    ("Dropout", {"rate": 1.0, "seed": 5}, ROWS),
    ("Dropout", {"rate": 0.0, "seed": 5}, ROWS),
    ("SpatialDropout1D", {"rate": 0.4, "seed": 5}, STEPS),
    ("SpatialDropout2D", {"rate": 0.4, "seed": 5}, IMAGE),
    ("GaussianNoise", {"stddev": 0.4, "seed": 5}, ROWS),
    ("GaussianDropout", {"rate": 0.4, "seed": 5}, STEPS),
    ("BatchNormalization", {"momentum": 0.8, "gamma_initializer": "normal"}, IMAGE),
    ("BatchNormalization", {"axis": 1, "center": False}, STEPS),
    ("BatchNormalization", {"dtype": "mixed_bfloat16"}, STEPS),
    ("BatchNormalization", {"trainable": False}, ROWS),
]


@pytest.mark.parametrize(("name", "arguments", "spec"), TRAINING)
def test_training_phase(keras, name, arguments, spec):
    x = draw_all(spec)
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    for _ in range(2):
        assert_close(mine(x, training=True), theirs(x, training=True))
    assert_close(mine(x), theirs(x))
    for one, other in zip(values_of(mine), values_of(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "arguments", "spec"), TRAINING)
def test_traced_training_phase(keras, name, arguments, spec):
    check_traced(keras, name, arguments, {**spec, "call": {"training": True}})


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("merge", ["Add", "Multiply", "Maximum", "Minimum", "Concatenate"])
def test_merging_of_masks(keras, merge, training):
    ids = np.array([[1, 2, 0, 0], [3, 0, 1, 0]])
    results = []
    for library in (keras, ours):
        embed = [
            make(library, "Embedding", {"input_dim": 9, "output_dim": 4, "mask_zero": True})
            for _ in range(2)
        ]
        branches = [embed[0](ids), embed[1](np.flip(ids, 1).copy())]
        axis = {"axis": 1} if merge == "Concatenate" else {}
        merged = make(library, merge, axis)(branches)
        mean = library.layers.GlobalAveragePooling1D()(merged)
        normal = library.layers.BatchNormalization()
        results.append([merged, mean, normal(merged, training=training), *values_of(normal)])
    for mine, theirs in zip(results[1], results[0], strict=True):
        assert_close(mine, theirs)


@pytest.mark.parametrize("name", ["Softmax", "GlobalAveragePooling1D", "BatchNormalization"])
def test_given_mask(keras, name):
    x = draw((2, 4, 4))
    mask = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    arguments = {"axis": 1} if name == "Softmax" else {}
    given = mask[:, :, None] if name == "Softmax" else mask
    theirs, mine = (make(library, name, arguments)(x, mask=given) for library in (keras, ours))
    assert_close(mine, theirs)


@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"]
)
def test_merging_functions(keras, name):
    x = [draw((3, 4)), draw((3, 4))]
    assert_close(getattr(ours.layers, name)(x), getattr(keras.layers, name)(x))
