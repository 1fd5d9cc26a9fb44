"""Every layer against Keras's: configuration, first weights, symbolic and real outputs."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.engine.scope import TraceScope, entered
from graphc.lower import default_target, lower, plan
from graphc.spec import spec_of

pytestmark = pytest.mark.oracle
RNG = np.random.default_rng(0)

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
NAMES = [f"{i}-{case[0]}" for i, case in enumerate(CASES)]


def draw(shape, dtype="float32", high=255):
    if dtype in ("uint8", "int32"):
        return RNG.integers(0, high, shape).astype(dtype)
    values = RNG.integers(0, high, shape) if high < 255 else RNG.normal(size=shape)
    return values.astype(dtype)


def draw_all(spec):
    rest = {key: value for key, value in spec.items() if key != "x"}
    if isinstance(spec["x"], list):
        return [draw(shape, **rest) for shape in spec["x"]]
    return draw(spec["x"], **rest)


def make(library, name, arguments):
    """A layer whose unseeded initializers draw the same seeds in both libraries."""
    random.seed(3)
    return getattr(library.layers, name)(name="it", **arguments)


def values_of(layer):
    return [np.asarray(weight.value) for weight in layer.weights]


def plain(config):
    return json.loads(json.dumps(config))


def assert_close(mine, theirs):
    mine, theirs = np.asarray(mine), np.asarray(theirs)
    assert mine.shape == theirs.shape
    assert mine.dtype == theirs.dtype
    narrow = theirs.dtype.name in ("bfloat16", "float16")
    wide = [one.astype("float64") for one in (mine, theirs)]
    np.testing.assert_allclose(*wide, rtol=2e-2 if narrow else 1e-5, atol=1e-2 if narrow else 1e-6)


@pytest.mark.parametrize(("name", "arguments", "spec"), CASES, ids=NAMES)
def test_layer(keras, name, arguments, spec):
    x = draw_all(spec)
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    expected = theirs(x)
    found = mine(x)
    assert_close(found, expected)
    assert [w.name for w in mine.weights] == [w.name for w in theirs.weights]
    for one, other in zip(values_of(mine), values_of(theirs), strict=True):
        np.testing.assert_array_equal(one, other)
    weights = [RNG.normal(size=w.shape).astype(w.dtype) ** 2 for w in values_of(theirs)]
    theirs.set_weights(weights)
    mine.set_weights(weights)
    assert_close(mine(x), theirs(x))


@pytest.mark.parametrize(("name", "arguments", "spec"), CASES, ids=NAMES)
def test_config(keras, name, arguments, spec):
    theirs, mine = (make(library, name, arguments) for library in (keras, ours))
    config = mine.get_config()
    expected = plain(theirs.get_config())
    if name.startswith("Spatial"):
        del expected["dtype"]  # Keras keeps the dtype only, which loses a mixed policy
    assert {key: plain(config)[key] for key in expected} == expected
    again = type(mine).from_config(config)
    assert again.get_config() == config
    stored = plain(ours.saving.serialize_keras_object(mine))
    restored = ours.saving.deserialize_keras_object(stored)
    assert plain(restored.get_config()) == plain(config)


@pytest.mark.parametrize(("name", "arguments", "spec"), CASES, ids=NAMES)
def test_symbolic_shape(keras, name, arguments, spec):
    x = draw_all(spec)
    results = []
    for library in (keras, ours):
        many = x if isinstance(x, list) else [x]
        inputs = [library.KerasTensor((None, *one.shape[1:]), str(one.dtype)) for one in many]
        layer = make(library, name, arguments)
        results.append(layer(inputs if isinstance(x, list) else inputs[0]))
    theirs, mine = results
    assert mine.shape == theirs.shape
    # For integers Keras announces the compute dtype and then returns integers; ours says so.
    of_integers = name.startswith("MaxPooling") and str(inputs[0].dtype).startswith("uint")
    assert mine.dtype == ("uint8" if of_integers else theirs.dtype)


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


def run_traced(layer, x, **phase):
    """The output of a layer whose call was traced into a graph, and its variables' new values."""
    scope = TraceScope()
    many = x if isinstance(x, list) else [x]
    symbols = [scope.input(spec_of(np.asarray(one))) for one in many]
    with entered(scope):
        output = layer(symbols if isinstance(x, list) else symbols[0], **phase)
    graph = scope.builder.finish([scope.as_value(output)], scope.updates())
    inputs = (*many, *(np.float32(read()) for read in scope.scalars))
    state = tuple(variable.stored for variable in scope.state)
    (result,), updates = lower(graph, plan(graph, default_target()))((), state, inputs)
    return result, dict(zip(scope.state, updates, strict=True))


@pytest.mark.parametrize(
    ("name", "arguments", "spec", "training"),
    [(*case, False) for case in CASES] + [(*case, True) for case in TRAINING],
)
def test_traced_as_eager(name, arguments, spec, training):
    x = draw_all({**spec, "dtype": spec.get("dtype", "float32").replace("64", "32")})
    layer = make(ours, name, arguments)
    layer(x)  # builds
    phase = {"training": True} if training else {}
    found, updates = run_traced(layer, x, **phase)
    assert_close(found, layer(x, **phase))
    for variable, value in updates.items():
        assert_close(value, variable.value)


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
