"""Normalisations and alpha dropout against Keras's: arguments, masks, statistics after training."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    both,
    check_in_models,
    draw,
    first_of_each,
    ids,
    make,
    run_traced,
    values_of,
)
from tests.oracle.pairing import Data, check, labels, rows

pytestmark = MARKS

ROWS = {"x": (4, 6)}
STEPS = {"x": (3, 5, 6)}
IMAGE = {"x": (2, 4, 5, 6)}
DTYPES = [
    ({"dtype": "mixed_bfloat16"}, IMAGE),
    ({"dtype": "float16"}, IMAGE),
    ({}, {**IMAGE, "dtype": "float64"}),
    ({}, {**STEPS, "dtype": "int32", "high": 9}),
]
AFFINE = {
    "gamma_initializer": "random_normal",
    "beta_initializer": "ones",
    "gamma_regularizer": "l2",
    "beta_regularizer": "l2",
    "gamma_constraint": "non_neg",
    "beta_constraint": "max_norm",
}
BARE = {"center": False, "scale": False}


def dense(library):
    return library.layers.Dense(3, name="inner")


def conv(library):
    return library.layers.Conv2D(3, 2, name="inner")


def embedding(library):
    return library.layers.Embedding(9, 3, name="inner")


MASK = {"mask": np.array([[1, 1, 0, 1, 1], [1, 0, 0, 1, 0], [0, 0, 0, 0, 1]], bool)}
RENORM = {"renorm": True, "renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.3}}

CASES = [
    ("BatchNormalization", AFFINE, IMAGE),
    ("BatchNormalization", {**BARE, "axis": 1, "momentum": 0.5}, IMAGE),
    ("BatchNormalization", {"axis": 2, "moving_variance_initializer": "uniform"}, STEPS),
    ("BatchNormalization", {"renorm": True, "renorm_momentum": 0.9}, ROWS),
    ("BatchNormalization", RENORM, IMAGE),
    ("BatchNormalization", {}, {**STEPS, "call": MASK}),
    *(("BatchNormalization", policy, spec) for policy, spec in DTYPES),
    ("LayerNormalization", AFFINE, IMAGE),
    ("LayerNormalization", {"axis": [2, 3], **AFFINE}, IMAGE),
    ("LayerNormalization", {"axis": (1, -1), "epsilon": 0.1}, STEPS),
    ("LayerNormalization", {"axis": 1, "center": False}, IMAGE),
    *(("LayerNormalization", policy, spec) for policy, spec in DTYPES),
    ("RMSNormalization", {"epsilon": 0.1}, IMAGE),
    ("RMSNormalization", {"axis": [1, 2]}, STEPS),
    *(("RMSNormalization", policy, spec) for policy, spec in DTYPES[:3]),
    ("GroupNormalization", {"groups": 3, **AFFINE}, IMAGE),
    ("GroupNormalization", {"groups": -1, "gamma_initializer": "random_normal"}, STEPS),
    ("GroupNormalization", {"groups": 1, "epsilon": 0.1}, ROWS),
    ("GroupNormalization", {"groups": 2, "axis": 1, **AFFINE}, IMAGE),
    ("GroupNormalization", {"groups": 5, "axis": 2, "scale": False}, IMAGE),
    ("GroupNormalization", {"groups": 5, "axis": -2, "center": False}, IMAGE),
    *(("GroupNormalization", {"groups": 2, **policy}, spec) for policy, spec in DTYPES[:3]),
    ("UnitNormalization", {}, ROWS),
    ("UnitNormalization", {"axis": [1, 2]}, STEPS),
    ("UnitNormalization", {"axis": 1}, IMAGE),
    *(("UnitNormalization", policy, spec) for policy, spec in DTYPES[:3]),
    ("SpectralNormalization", {"layer": dense}, ROWS),
    ("SpectralNormalization", {"layer": conv, "power_iterations": 3}, IMAGE),
    ("SpectralNormalization", {"layer": embedding}, {"x": (3, 5), "dtype": "int32", "high": 9}),
    ("AlphaDropout", {"rate": 0.3, "seed": 7}, ROWS),
    ("AlphaDropout", {"rate": 0.3, "noise_shape": (None, 1, 6), "dtype": "float16"}, STEPS),
]


@pytest.mark.parametrize("kind", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, kind, case):
    CHECKS[kind](keras, *case)


@pytest.mark.parametrize("case", first_of_each(CASES), ids=ids(first_of_each(CASES)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


TRAINING = [
    ("BatchNormalization", {"momentum": 0.7, **AFFINE}, IMAGE),
    ("BatchNormalization", {"axis": 1, **BARE}, IMAGE),
    ("BatchNormalization", {"renorm": True, "momentum": 0.6, "renorm_momentum": 0.8}, IMAGE),
    ("BatchNormalization", {**RENORM, **BARE, "momentum": 0.6}, ROWS),
    ("BatchNormalization", {**RENORM, "center": False}, STEPS),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"dmax": 0.1}}, ROWS),
    ("BatchNormalization", {"momentum": 0.5}, {**STEPS, "call": MASK}),
    ("BatchNormalization", {"momentum": 0.5, **RENORM}, {**STEPS, "call": MASK}),
    ("BatchNormalization", {"momentum": 0.7, "dtype": "mixed_float16"}, IMAGE),
    ("BatchNormalization", {"trainable": False, "renorm": True}, ROWS),
    ("SpectralNormalization", {"layer": dense}, ROWS),
    ("SpectralNormalization", {"layer": conv, "power_iterations": 2}, IMAGE),
    ("AlphaDropout", {"rate": 0.4, "seed": 5}, ROWS),
    ("AlphaDropout", {"rate": 0.4, "seed": 5, "noise_shape": (None, 1, None)}, STEPS),
    ("AlphaDropout", {"rate": 0.4, "seed": 5, "dtype": "bfloat16"}, ROWS),
    ("AlphaDropout", {"rate": 0.0, "seed": 5}, ROWS),
]


@pytest.mark.parametrize(("name", "arguments", "spec"), TRAINING)
def test_training(keras, name, arguments, spec):
    mine, theirs, x = both(keras, name, arguments, spec)
    call = {**spec.get("call", {}), "training": True}
    for _ in range(2):
        assert_close(mine(x, **call), theirs(x, **call))
    for one, other in zip(values_of(mine), values_of(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert_close(mine(x), theirs(x))


@pytest.mark.parametrize(("name", "arguments", "spec"), TRAINING)
def test_training_traced_as_eager(keras, name, arguments, spec):
    mine, _, x = both(keras, name, arguments, spec)
    call = {**spec.get("call", {}), "training": True}
    found, updates = run_traced(mine, x, **call)
    assert_close(found[0], mine(x, **call))
    for variable, value in updates.items():
        assert_close(value, variable.value)


@pytest.mark.parametrize("training", [False, True])
def test_a_kernel_of_zeros_is_left_alone(keras, training):
    x = draw((4, 6))
    outputs = []
    for library in (keras, ours):
        inner = library.layers.Dense(3, kernel_initializer="zeros", bias_initializer="ones")
        layer = library.layers.SpectralNormalization(inner)
        outputs.append([layer(x, training=training), inner.kernel.value])
    assert_close(outputs[1], outputs[0])


BAD_ARGUMENTS = [
    ("BatchNormalization", {"synchronized": True}, ValueError),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"max": 1}}, ValueError),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"rmax": 1, "rmin": 2}}, ValueError),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"dmax": -1}}, ValueError),
    ("LayerNormalization", {"axis": "last"}, TypeError),
    ("UnitNormalization", {"axis": 1.5}, TypeError),
    ("GroupNormalization", {"groups": 0}, ValueError),
    ("GroupNormalization", {"groups": -2}, ValueError),
    ("GroupNormalization", {"groups": 2.0}, ValueError),
    ("SpectralNormalization", {"layer": dense, "power_iterations": 0}, ValueError),
    ("SpectralNormalization", {"layer": "dense"}, ValueError),
    ("AlphaDropout", {"rate": 1.5}, ValueError),
    ("AlphaDropout", {"rate": -0.1}, ValueError),
]


@pytest.mark.parametrize(("name", "arguments", "error"), BAD_ARGUMENTS)
def test_bad_arguments(keras, name, arguments, error):
    with pytest.raises(error):
        make(keras, name, arguments)
    with pytest.raises(error, match="Received"):
        make(ours, name, arguments)


BAD_INPUTS = [
    ("GroupNormalization", {"groups": 4}, (2, 3, 6)),
    ("GroupNormalization", {"groups": 12}, (2, 3, 6)),
    ("SpectralNormalization", {"layer": lambda library: library.layers.ReLU()}, (2, 3)),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), BAD_INPUTS)
def test_bad_inputs(keras, name, arguments, shape):
    x = draw(shape)
    with pytest.raises(ValueError):  # noqa: PT011
        make(keras, name, arguments)(x)
    with pytest.raises(ValueError, match="Received"):
        make(ours, name, arguments)(x)


def test_a_mask_of_another_rank_is_refused(keras):
    x, mask = draw((3, 5, 6)), np.ones((3, 5, 6), bool)
    for library in (keras, ours):
        with pytest.raises(ValueError, match="Received"):
            library.layers.BatchNormalization()(x, training=True, mask=mask)


def test_rms_scaling_is_deprecated(keras):
    x, outputs = draw((4, 6)), []
    for library in (keras, ours):
        with pytest.warns(UserWarning, match="rms_scaling"):
            layer = library.layers.LayerNormalization(rms_scaling=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras warns at every call
            outputs.append(layer(x))
    assert_close(outputs[1], outputs[0])


def normalized_model(keras):
    """A model with every kind of normalisation."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((6, 6, 4)),
        layers.Conv2D(6, 3),
        layers.GroupNormalization(3),
        layers.BatchNormalization(momentum=0.8, renorm=True, renorm_momentum=0.7),
        layers.Activation("selu"),
        layers.Flatten(),
        layers.SpectralNormalization(layers.Dense(5), power_iterations=2),
        layers.UnitNormalization(),
        layers.RMSNormalization(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip


def test_fit(keras):
    compiled = lambda k: {"loss": "sparse_categorical_crossentropy"}  # noqa: E731
    check(keras, normalized_model, Data(rows((6, 6, 4)), labels(3)), compiled, outputs=True)
