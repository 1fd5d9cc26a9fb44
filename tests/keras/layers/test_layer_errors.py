"""What layers refuse, in the words that a user reads; unknown sizes; `Lambda`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graphc import keras as ours

RNG = np.random.default_rng(0)


def draw(shape):
    if isinstance(shape, list):
        return [draw(one) for one in shape]
    return RNG.normal(size=shape).astype("float32")


BAD_ARGUMENTS = [
    ("Dense", {"units": -1}),
    ("Dense", {"units": "3"}),
    ("Dense", {"units": 3, "activation": "rellu"}),
    ("Dense", {"units": 3, "kernel_initializer": "glorot"}),
    ("Dense", {"units": 3, "kernel_regularizer": "l3"}),
    ("Dense", {"units": 3, "typo": 1}),
    ("Dropout", {"rate": 1.5}),
    ("Dropout", {"rate": 0.5, "noise_shape": "x"}),
    ("GaussianNoise", {"stddev": -1}),
    ("ReLU", {"max_value": -1}),
    ("LeakyReLU", {"negative_slope": -1}),
    ("Embedding", {"input_dim": 0, "output_dim": 2}),
    ("Permute", {"dims": (0, 1)}),
    ("Reshape", {"target_shape": (-1, -1)}),
    ("Conv2D", {"filters": 0, "kernel_size": 3}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "groups": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": (3, 3, 3)}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "padding": "causal"}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2}),
    ("Conv2D", {"filters": 3, "kernel_size": 3, "data_format": "channels"}),
    ("MaxPooling2D", {"pool_size": 0}),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}),
    ("Cropping2D", {"cropping": -1}),
    ("Dot", {"axes": (1, 2, 3)}),
]


@pytest.mark.parametrize(("name", "arguments"), BAD_ARGUMENTS)
def test_bad_arguments(keras, name, arguments):
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.layers, name)(**arguments)
    with pytest.raises(ValueError, match=r"Received|passed to"):
        getattr(ours.layers, name)(**arguments)


BAD_INPUTS = [
    ("Dense", {"units": 3}, (4,)),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 5, 5)),
    ("Conv2D", {"filters": 3, "kernel_size": 3}, (2, 2, 2, 3)),
    ("MaxPooling2D", {}, (2, 5, 5)),
    ("Permute", {"dims": (2, 1)}, (2, 3)),
    ("Reshape", {"target_shape": (4, 4)}, (2, 3)),
    ("Add", {}, (2, 3)),
    ("Add", {}, [(2, 3), (2, 4)]),
    ("Concatenate", {}, [(2, 3, 4), (2, 4, 4)]),
    ("Dot", {"axes": 1}, [(2, 3), (2, 4)]),
    ("Subtract", {}, [(2, 3), (2, 3), (2, 3)]),
    ("Cropping1D", {"cropping": 2}, (2, 3, 1)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), BAD_INPUTS)
def test_bad_inputs(keras, name, arguments, shape):
    x = draw(shape)
    with pytest.raises(ValueError):  # noqa: PT011
        getattr(keras.layers, name)(**arguments)(x)
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.layers, name)(**arguments)(x)


def test_wrong_feature_size_after_build():
    layer = ours.layers.Dense(3)
    layer(draw((2, 4)))
    with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
        layer(draw((2, 5)))


def test_names_are_those_of_keras(keras):
    unknown = [name for name in ours.layers.__all__ if not hasattr(keras.layers, name)]
    assert unknown == []


def test_lambda(keras):
    def double(x, by=2.0):
        return x * by

    x = draw((2, 3))
    for function in (double, lambda x: x * 2.0):
        layer = ours.layers.Lambda(function)
        np.testing.assert_allclose(layer(x), keras.layers.Lambda(function)(x))
        assert layer(ours.KerasTensor((None, 3))).shape == (None, 3)
    layer = ours.layers.Lambda(double, output_shape=(3,), arguments={"by": 3.0})
    np.testing.assert_allclose(layer(x), x * 3.0)
    assert layer(ours.KerasTensor((None, 3))).shape == (None, 3)


def test_lambda_bytecode_is_loaded_only_if_trusted():
    layer = ours.layers.Lambda(lambda x: x + 1.0)
    config = json.loads(json.dumps(ours.saving.serialize_keras_object(layer)))
    with pytest.raises(ValueError, match="safe_mode=False"):
        ours.saving.deserialize_keras_object(config)
    trusted = ours.layers.Lambda.from_config(layer.get_config(), safe_mode=False)
    np.testing.assert_allclose(trusted(np.ones(3, "float32")), np.full(3, 2, "float32"))


def test_embedding_weights_argument():
    table = draw((4, 2))
    layer = ours.layers.Embedding(4, 2, weights=[table])
    np.testing.assert_allclose(layer(np.array([1, 3])), table[[1, 3]])


@pytest.mark.parametrize(
    ("name", "arguments", "shape", "expected"),
    [
        ("Flatten", {}, (None, None, 3), (None, None)),
        ("Reshape", {"target_shape": (4, -1)}, (None, None), (None, 4, None)),
        ("Conv1D", {"filters": 2, "kernel_size": 3}, (None, None, 3), (None, None, 2)),
        ("GlobalAveragePooling1D", {}, (None, None, 3), (None, 3)),
        ("MaxPooling2D", {}, (None, None, None, 3), (None, None, None, 3)),
        ("Embedding", {"input_dim": 3, "output_dim": 2}, (None, None), (None, None, 2)),
        ("UpSampling2D", {}, (None, None, 4, 3), (None, None, 8, 3)),
        ("ZeroPadding1D", {}, (None, None, 3), (None, None, 3)),
    ],
)
def test_unknown_sizes(name, arguments, shape, expected):
    layer = getattr(ours.layers, name)(**arguments)
    assert layer(ours.KerasTensor(shape)).shape == expected
