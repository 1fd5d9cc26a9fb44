"""Numeric preprocessing layers against Keras's: arguments, ranks, dtypes, adapt, models."""

from __future__ import annotations

import copy
import json
import pickle
import types

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import (
    CHECKS,
    MARKS,
    assert_close,
    check_in_models,
    draw,
    first_of_each,
    ids,
    make,
    run_traced,
)

pytestmark = MARKS

GIVEN = {"mean": 0.5, "variance": 2.0}
INTS = {"dtype": "int32", "high": 4}
CASES = [
    ("Normalization", GIVEN, {"x": (4, 3)}),
    ("Normalization", {**GIVEN, "invert": True}, {"x": (4, 3)}),
    ("Normalization", {**GIVEN, "axis": None}, {"x": (4, 3, 2)}),
    ("Normalization", {"mean": [1.0, 2.0, 0.0], "variance": [1.0, 0.5, 0.0]}, {"x": (4, 3)}),
    ("Normalization", {"mean": [[1.0], [2.0]], "variance": [[1.0], [0.5]], "axis": (1, 3)},
     {"x": (4, 2, 3, 2)}),
    ("Normalization", {"mean": [1.0, 2.0], "variance": [1.0, 3.0], "axis": [1, -1]},
     {"x": (4, 2, 3, 2)}),
    ("Normalization", GIVEN, {"x": (4, 3), "dtype": "int32", "high": 9}),
    ("Normalization", GIVEN, {"x": (4, 3), "dtype": "float64"}),
    ("Normalization", {**GIVEN, "dtype": "mixed_bfloat16"}, {"x": (4, 3)}),
    ("Normalization", {**GIVEN, "dtype": "float16"}, {"x": (4, 3)}),
    ("Discretization", {"bin_boundaries": [-0.5, 0.0, 0.7]}, {"x": (4, 3)}),
    ("Discretization", {"bin_boundaries": (-0.5, 0.0)}, {"x": (4, 3, 2)}),
    ("Discretization", {"bin_boundaries": [1, 2, 3]}, {"x": (4, 3), **INTS}),
    ("Discretization", {"bin_boundaries": [0.0], "output_mode": "one_hot"}, {"x": (4, 1)}),
    ("Discretization", {"bin_boundaries": [0.0], "output_mode": "one_hot"}, {"x": (4, 3)}),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "multi_hot"}, {"x": (4, 3)}),
    ("Discretization", {"bin_boundaries": [0.0, 1.0], "output_mode": "count"}, {"x": (4, 3)}),
    ("Discretization", {"bin_boundaries": [0.0], "output_mode": "count", "dtype": "float16"},
     {"x": (4, 3)}),
    ("CategoryEncoding", {"num_tokens": 4}, {"x": (3, 2), **INTS}),
    ("CategoryEncoding", {"num_tokens": 3}, {"x": (3, 5), **INTS}),  # 3 is out of range
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, {"x": (3, 1), **INTS}),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, {"x": (3, 2), **INTS}),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, {"x": (5,), **INTS}),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, {"x": (3, 6), **INTS}),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "binary"},
     {"x": (3, 6), "dtype": "uint8", "high": 4}),
    ("CategoryEncoding", {"num_tokens": 300, "output_mode": "count", "dtype": "mixed_bfloat16"},
     {"x": (3, 6), "dtype": "int32", "high": 254}),
]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_layer(keras, check, case):
    CHECKS[check](keras, *case)


@pytest.mark.parametrize("case", first_of_each(CASES), ids=ids(first_of_each(CASES)))
def test_in_models(keras, case):
    check_in_models(keras, *case)


@pytest.fixture
def without_tensorflow(keras, monkeypatch):
    """Let Keras's `adapt` take iterables where TensorFlow is missing: nothing is a tf.data set."""
    fake = types.SimpleNamespace(
        data=types.SimpleNamespace(Dataset=type("Dataset", (), {})), is_tensor=lambda x: False
    )
    for name in ("normalization", "discretization"):
        module = __import__(f"keras.src.layers.preprocessing.{name}", fromlist=["tf"])
        monkeypatch.setattr(module, "tf", fake)
    return keras


DATA = draw((12, 3), seed=5) * [1.0, 5.0, 0.1] + 2.0
BATCHES = [DATA[:5], DATA[5:6], DATA[6:]]
FORMS = {
    "array": DATA,
    "float32": DATA.astype("float32"),
    "jax": ours.ops.convert_to_tensor(DATA),
    "list": BATCHES,
    "pairs": [(batch, batch[:, 0]) for batch in BATCHES],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("axis", [-1, None, (0,), (0, 1)])
def test_normalization_adapts(without_tensorflow, form, axis):
    data = FORMS[form]
    if isinstance(axis, tuple) and isinstance(data, list):
        pytest.skip("batches differ in the size of axis 0")
    layers = [make(lib, "Normalization", {"axis": axis}) for lib in (without_tensorflow, ours)]
    for layer in layers:
        layer.adapt(data)
    theirs, mine = layers
    x = draw((12, 3), seed=1)
    assert_close(mine(x), theirs(x), rtol=1e-4, atol=1e-4)
    for one, other in zip(mine.weights, theirs.weights, strict=True):
        assert (one.name, one.path, one.dtype) == (other.name, other.path, other.dtype)
        assert_close(one.numpy(), np.asarray(other.value), rtol=1e-4, atol=1e-4)
    assert json.dumps(mine.get_config()["axis"]) == json.dumps(theirs.get_config()["axis"])
    assert_close(run_traced(mine, x)[0], [mine(x)])
    for other in (copy.deepcopy(mine), pickle.loads(pickle.dumps(mine))):
        assert_close(other(x), mine(x))


def test_normalization_adapts_to_a_generator():
    layer = ours.layers.Normalization()
    layer.adapt(batch for batch in BATCHES)
    np.testing.assert_allclose(layer(DATA).mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(layer(DATA).std(0), 1, atol=1e-5)
    back = ours.layers.Normalization(invert=True)
    back.adapt(DATA)
    np.testing.assert_allclose(back(layer(DATA)), DATA, rtol=1e-4)


def test_an_adapted_normalization_trains_in_a_model():
    layer = ours.layers.Normalization()
    layer.adapt(DATA)
    model = ours.Sequential([ours.Input((3,)), layer, ours.layers.Dense(1)])
    model.compile("adam", "mse")
    before = layer.adapt_mean.numpy()
    model.fit(DATA, DATA[:, :1], verbose=0)
    np.testing.assert_array_equal(layer.adapt_mean.numpy(), before)
    expected = np.asarray(layer(DATA)) @ model.layers[-1].kernel.numpy()
    np.testing.assert_allclose(
        model.predict(DATA, verbose=0), expected + model.layers[-1].bias.numpy(), rtol=1e-4
    )
    layer.adapt(DATA * 2)  # seen by the compiled program, for it is state
    assert not np.allclose(model.predict(DATA, verbose=0), expected)


@pytest.mark.parametrize("form", ["array", "list"])
@pytest.mark.parametrize(("num_bins", "epsilon"), [(4, 0.01), (2, 0.2), (10, 0.3), (3, 0.5)])
def test_discretization_adapts(without_tensorflow, form, num_bins, epsilon):
    data = draw((40, 5), seed=2)
    data = [data[:7], data[7:20], data[20:]] if form == "list" else data
    arguments = {"num_bins": num_bins, "epsilon": epsilon}
    layers = [make(lib, "Discretization", arguments) for lib in (without_tensorflow, ours)]
    for layer in layers:
        layer.adapt(data)
    theirs, mine = layers
    np.testing.assert_array_equal(mine.bin_boundaries, theirs.bin_boundaries)
    assert json.dumps(mine.get_config()) == json.dumps(theirs.get_config())
    x = draw((6, 3), seed=1)
    assert_close(mine(x), theirs(x))
    for other in (type(mine).from_config(mine.get_config()), copy.deepcopy(mine)):
        assert_close(other(x), mine(x))


def test_discretization_adapts_to_some_steps():
    layers = [ours.layers.Discretization(num_bins=3) for _ in "ab"]
    layers[0].adapt(iter(BATCHES), steps=2)
    layers[1].adapt(BATCHES[:2])
    assert layers[0].bin_boundaries == layers[1].bin_boundaries


def test_documented_results():
    layers = ours.layers
    numbers = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]])
    given = layers.Discretization(bin_boundaries=[0.0, 1.0, 2.0])
    assert given(numbers).tolist() == [[0, 2, 3, 1], [1, 3, 2, 1]]
    learnt = layers.Discretization(num_bins=4, epsilon=0.01)
    learnt.adapt(numbers)
    assert learnt(numbers).tolist() == [[0, 2, 3, 2], [1, 3, 3, 1]]
    counts = layers.CategoryEncoding(num_tokens=4, output_mode="count")
    weights = np.array([[0.1, 0.2], [0.1, 0.1], [0.2, 0.3], [0.4, 0.2]])
    found = counts([[0, 1], [0, 0], [1, 2], [3, 1]], count_weights=weights)
    expected = [[0.1, 0.2, 0, 0], [0.2, 0, 0, 0], [0, 0.2, 0.3, 0], [0, 0.2, 0, 0.4]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    one_hot = layers.CategoryEncoding(num_tokens=4, output_mode="one_hot")
    assert one_hot([3, 2]).tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]
    assert layers.CategoryEncoding(num_tokens=3)(1).tolist() == [0, 1, 0]


BAD = [
    ("Normalization", {"mean": 1.0}),
    ("Normalization", {"mean": [1.0, 2.0], "variance": 1.0}),
    ("Normalization", {"mean": [[1.0, 2.0]], "variance": [[1.0, 2.0]]}),
    ("Discretization", {}),
    ("Discretization", {"num_bins": -1}),
    ("Discretization", {"num_bins": 3, "bin_boundaries": [0.0]}),
    ("Discretization", {"num_bins": 3, "output_mode": "hot"}),
    ("Discretization", {"num_bins": 3, "output_mode": "one_hot", "sparse": True}),
    ("CategoryEncoding", {}),
    ("CategoryEncoding", {"num_tokens": 0}),
    ("CategoryEncoding", {"num_tokens": 2, "output_mode": "int"}),
]


@pytest.mark.parametrize(("name", "arguments"), BAD)
def test_bad_arguments(keras, name, arguments):
    if not arguments.get("sparse"):  # which Keras has on JAX, and we do not
        with pytest.raises(ValueError):  # noqa: PT011  (its own words)
            getattr(keras.layers, name)(**arguments)
    with pytest.raises(ValueError, match="Received"):
        getattr(ours.layers, name)(**arguments)


def test_bad_data():
    with pytest.raises(ValueError, match=r"Received.*empty"):
        ours.layers.Normalization().adapt([])
    with pytest.raises(TypeError, match=r"Received.*int"):
        ours.layers.Normalization().adapt(3)
    with pytest.raises(TypeError, match=r"Received.*float"):
        ours.layers.Normalization().adapt([1.0, 2.0])
    with pytest.raises(ValueError, match=r"Received.*axis=\(2,\)"):
        ours.layers.Normalization(axis=2).build((3, 4))
    with pytest.raises(ValueError, match=r"Received.*None"):
        ours.layers.Normalization().build((3, None))
    layer = ours.layers.Normalization()
    layer.adapt(DATA)
    with pytest.raises(ValueError, match=r"Received.*\(2, 4\)"):
        layer.adapt(np.ones((2, 4)))
    with pytest.raises(ValueError, match="Received"):
        ours.layers.Discretization(bin_boundaries=[0.0]).adapt(DATA)
    with pytest.raises(ValueError, match="Received"):
        ours.layers.Discretization(num_bins=3)(DATA)
    with pytest.raises(ValueError, match="Received"):
        ours.layers.CategoryEncoding(num_tokens=3)([1, 2], count_weights=[1.0, 2.0])
