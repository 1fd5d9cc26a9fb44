"""Initializers, activations, regularizers and constraints against Keras's."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from graphc import keras as ours

pytestmark = pytest.mark.oracle
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(5, 4)).astype("float32")

INITIALIZERS = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 0.3}),
    ("Identity", {"gain": 2.0}),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.3, "seed": 4}),
    ("RandomUniform", {"minval": -1.0, "maxval": 3.0, "seed": 4}),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.3, "seed": 4}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "distribution": "uniform", "seed": 4}),
    ("VarianceScaling", {"distribution": "untruncated_normal", "seed": 2**31 + 5}),
    ("VarianceScaling", {"mode": "fan_avg", "distribution": "normal", "seed": 4}),
    ("Orthogonal", {"gain": 0.5, "seed": 4}),
    *(
        (f"{author}{kind}", {"seed": 4})
        for author in ("Glorot", "He", "Lecun")
        for kind in ("Normal", "Uniform")
    ),
]
SHAPES = [(4,), (5, 4), (3, 7), (3, 3, 2, 5)]
ACTIVATIONS = """celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_swish
hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink
softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink"""
REGULARIZERS = [
    ("L1", {"l1": 0.25}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.1, "l2": 0.3}),
    ("L1L2", {}),
    ("OrthogonalRegularizer", {"factor": 0.25}),
    ("OrthogonalRegularizer", {"factor": 0.25, "mode": "columns"}),
]
CONSTRAINTS = [
    ("MaxNorm", {"max_value": 1.0}),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 0.5, "max_value": 1.0, "rate": 0.3}),
]
FAMILIES = {
    "initializers": INITIALIZERS,
    "regularizers": REGULARIZERS,
    "constraints": CONSTRAINTS,
}
OBJECTS = [(family, *case) for family, cases in FAMILIES.items() for case in cases]


@pytest.mark.parametrize(
    ("shape", "dtype"), [*((shape, None) for shape in SHAPES), ((5, 4), "float16")]
)
@pytest.mark.parametrize(("name", "arguments"), INITIALIZERS)
def test_initial_values_are_bit_equal(keras, name, arguments, shape, dtype):
    if (name == "Identity" and len(shape) != 2) or (name == "Orthogonal" and len(shape) < 2):
        pytest.skip("not defined for this rank")
    if name == "Orthogonal" and dtype == "float16":
        pytest.skip("there is no decomposition of 16-bit matrices")
    mine = getattr(ours.initializers, name)(**arguments)(shape, dtype=dtype)
    theirs = getattr(keras.initializers, name)(**arguments)(shape, dtype=dtype)
    assert str(mine.dtype) == str(theirs.dtype)
    np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))


def test_unseeded_initializers_follow_the_seed_of_python(keras):
    values = []
    for library in (ours, keras):
        random.seed(11)
        made = [library.initializers.get(name) for name in ("he_normal", "zeros", "uniform")]
        values.append([np.asarray(one((3, 4))) for one in made])
    np.testing.assert_array_equal(np.stack(values[0]), np.stack(values[1]))


def test_a_seed_generator_gives_fresh_numbers(keras):
    values = []
    for library in (ours, keras):
        seed = library.random.SeedGenerator(3)
        initializer = library.initializers.RandomNormal(seed=seed)
        values.append([np.asarray(initializer((3, 4))) for _ in range(2)])
    np.testing.assert_array_equal(np.stack(values[0]), np.stack(values[1]))
    assert (values[0][0] != values[0][1]).any()


@pytest.mark.parametrize(("family", "name", "arguments"), OBJECTS)
def test_configs(keras, family, name, arguments):
    module = getattr(ours, family)
    made = getattr(module, name)(**arguments)
    expected = getattr(getattr(keras, family), name)(**arguments).get_config()
    assert {key: made.get_config()[key] for key in expected} == expected
    stored = json.loads(json.dumps(module.serialize(made)))
    assert stored["module"] == f"keras.{family}"
    for again in (module.deserialize(stored), module.get(stored), module.get(made)):
        assert type(again) is type(made)
        assert again.get_config() == made.get_config()
    old_style = {"class_name": name, "config": made.get_config()}
    assert type(module.get(old_style)) is type(made)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_names(keras, family):
    theirs, mine = getattr(keras, family), getattr(ours, family)
    missing = {n for n in dir(theirs) if not n.startswith("_")} - set(dir(mine))
    assert missing <= {"STFT", "STFTInitializer", "stft"}
    for name in mine.__all__:
        assert hasattr(theirs, name)
    for name in ("zeros", "GlorotUniform", "l1l2", "L2", "max_norm", "NonNeg", "orthogonal"):
        if name in mine.lookup.__dict__.get(family.upper()).members:
            assert type(mine.get(name)).__name__ == type(theirs.get(name)).__name__


@pytest.mark.parametrize("family", [*FAMILIES, "activations"])
def test_unknown_name_lists_the_nearest(family):
    wrong, nearest = {
        "initializers": ("glorot_unifrom", "glorot_uniform"),
        "regularizers": ("l11", "l1"),
        "constraints": ("maxnorm", "max_norm"),
        "activations": ("rellu", "relu"),
    }[family]
    with pytest.raises(ValueError, match=f"'{nearest}'.*Received: '{wrong}'"):
        getattr(ours, family).get(wrong)
    with pytest.raises(ValueError, match="Received: 3"):
        getattr(ours, family).get(3)


def test_an_array_is_an_initializer():
    layer = ours.layers.Dense(4, kernel_initializer=MATRIX)
    layer.build((None, 5))
    np.testing.assert_array_equal(layer.get_weights()[0], MATRIX)
    layer = ours.layers.Dense(4, kernel_initializer=MATRIX)
    with pytest.raises(ValueError, match=r"Received: shape=\(3, 4\)"):
        layer.build((None, 3))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ACTIVATIONS.split())
def test_activations(keras, name, dtype):
    x = keras.ops.cast(MATRIX * 3, dtype)
    mine, theirs = getattr(ours.activations, name), getattr(keras.activations, name)
    found, expected = mine(x), theirs(x)
    assert found.dtype == expected.dtype
    tolerance = 1e-5 if dtype == "float32" else 2e-2
    pair = (np.asarray(value, "float32") for value in (found, expected))
    np.testing.assert_allclose(*pair, rtol=tolerance, atol=tolerance / 10)
    assert ours.activations.get(name) is mine
    assert ours.activations.serialize(mine) == keras.activations.serialize(theirs)
    assert ours.activations.deserialize(name) is mine


@pytest.mark.parametrize("arguments", [
    {"negative_slope": 0.2},
    {"max_value": 6},
    {"max_value": 1.5, "threshold": 0.3},
    {"negative_slope": 0.2, "max_value": 2.0, "threshold": 0.3},
])  # fmt: skip
def test_relu_with_arguments(keras, arguments):
    found, expected = (lib.activations.relu(MATRIX, **arguments) for lib in (ours, keras))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_own_activations(keras):
    def own(x):
        return x + 1

    assert ours.activations.get(own) is own
    assert ours.activations.get(None) is ours.activations.linear
    registered = ours.saving.register_keras_serializable("tests")(own)
    stored = json.loads(json.dumps(ours.activations.serialize(registered)))
    assert ours.activations.deserialize(stored) is own


@pytest.mark.parametrize(("name", "arguments"), REGULARIZERS)
def test_regularizers(keras, name, arguments):
    mine, theirs = (getattr(lib.regularizers, name)(**arguments) for lib in (ours, keras))
    found, expected = mine(ours.ops.array(MATRIX)), theirs(keras.ops.array(MATRIX))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "arguments"), CONSTRAINTS)
def test_constraints(keras, name, arguments):
    mine, theirs = (getattr(lib.constraints, name)(**arguments) for lib in (ours, keras))
    found, expected = mine(ours.Variable(MATRIX)), theirs(keras.Variable(MATRIX))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("bad", [-1.0, float("inf"), "0.1"])
def test_bad_factors(bad):
    with pytest.raises(ValueError, match="Received: l2="):
        ours.regularizers.L2(bad)
