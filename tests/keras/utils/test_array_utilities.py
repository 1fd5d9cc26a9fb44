"""pad_sequences, to_categorical, normalize and set_random_seed beside real Keras."""

import os
import random
from importlib import import_module

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import utils


@pytest.fixture(scope="module")
def keras_utils():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras").utils


RAGGED = [[1], [2, 3], [], [4, 5, 6, 7]]
VECTORS = [np.ones((2, 3)), np.full((1, 3), 2.0), []]
PADDING = [
    (RAGGED, {}),
    (RAGGED, {"padding": "post"}),
    (RAGGED, {"maxlen": 3}),
    (RAGGED, {"maxlen": 3, "truncating": "post"}),
    (RAGGED, {"maxlen": 3, "truncating": "post", "padding": "post", "value": -1}),
    (RAGGED, {"maxlen": 6, "dtype": "float32", "value": 0.5}),
    (RAGGED, {"maxlen": 9, "dtype": np.int64}),
    ([[1.7, 2.2], [3.9]], {}),
    (VECTORS, {"dtype": "float64"}),
    (VECTORS, {"maxlen": 1, "padding": "post"}),
    ([["a", "bc"], ["def"]], {"dtype": object, "value": "pad"}),
    ([["a", "bc"], ["def"]], {"dtype": "<U5", "value": "pad"}),
    ([[], []], {}),
    ([], {"maxlen": 3}),
    (np.arange(6).reshape(2, 3), {"maxlen": 2}),
    (((1, 2), (3,)), {"padding": "post"}),
    ([np.arange(3), np.arange(5)], {"maxlen": 4}),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("sequences", "arguments"), PADDING)
def test_pad_sequences_agrees_with_keras(sequences, arguments: dict, keras_utils) -> None:
    received = utils.pad_sequences(sequences, **arguments)
    expected = keras_utils.pad_sequences(sequences, **arguments)
    assert received.dtype == expected.dtype
    assert received.shape == expected.shape
    assert received.tolist() == expected.tolist()


BAD_SEQUENCES = [
    (iter([[1]]), {}, "must be a list of sequences"),
    ([[1], 2], {}, "Received: 2 at position 1"),
    ([np.array(3)], {}, "at position 0"),
    ([], {}, "`maxlen` is needed"),
    (RAGGED, {"padding": "left"}, "Received: padding='left'"),
    (RAGGED, {"truncating": "right"}, "Received: truncating='right'"),
    (RAGGED, {"value": "x"}, "needs dtype=object"),
    ([np.ones((2, 3)), np.ones((2, 4))], {}, r"Received: \(4,\) at position 1"),
]


@pytest.mark.parametrize(("sequences", "arguments", "text"), BAD_SEQUENCES)
def test_pad_sequences_refuses(sequences, arguments: dict, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        utils.pad_sequences(sequences, **arguments)


def test_pad_sequences_to_nothing() -> None:
    assert utils.pad_sequences(RAGGED, maxlen=0).shape == (4, 0)


LABELS = [
    ([0, 2, 1], None),
    ([0, 2, 1], 5),
    (np.array([[1], [0], [3]]), None),
    (np.array([[1, 2], [0, 3]]), 4),
    (np.array([[[1]], [[2]]]), None),
    (np.array([1.0, 2.9]), None),
    (3, None),
    ([[4]], None),
    ([], 3),
    (np.array([True, False]), None),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("labels", "classes"), LABELS)
def test_to_categorical_agrees_with_keras(labels, classes: int | None, keras_utils) -> None:
    received = utils.to_categorical(labels, classes)
    expected = keras_utils.to_categorical(labels, classes)
    assert received.dtype == expected.dtype
    assert received.shape == expected.shape
    assert np.array_equal(received, expected)


@pytest.mark.oracle
def test_to_categorical_of_a_jax_array(keras_utils) -> None:
    labels = jnp.array([[0], [2], [1]])
    received = utils.to_categorical(labels, 3)
    expected = keras_utils.to_categorical(labels, 3)
    assert isinstance(received, type(labels))
    assert received.dtype == expected.dtype
    assert np.array_equal(received, expected)
    assert utils.to_categorical(labels).shape == (3, 3)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [[5]]])
def test_to_categorical_refuses_labels_outside(labels) -> None:
    with pytest.raises(ValueError, match="Expected labels from 0 to 2"):
        utils.to_categorical(labels, 3)


def test_to_categorical_of_nothing() -> None:
    with pytest.raises(ValueError, match="`num_classes` is needed"):
        utils.to_categorical([])


MATRIX = np.random.RandomState(0).randn(3, 4)
MATRIX[1] = 0
NORMS = [
    (MATRIX, {}),
    (MATRIX, {"order": 1}),
    (MATRIX, {"order": np.inf}),
    (MATRIX.astype(np.float32), {"axis": 1}),
    (np.arange(6).reshape(2, 3), {}),
    (np.array([3.0, 4.0]), {}),
    (np.random.RandomState(1).randn(2, 3, 4), {"axis": 1, "order": 3}),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("x", "arguments"), NORMS)
def test_normalize_agrees_with_keras(x: np.ndarray, arguments: dict, keras_utils) -> None:
    received = utils.normalize(x, **arguments)
    expected = keras_utils.normalize(x, **arguments)
    assert received.dtype == expected.dtype
    assert received.shape == expected.shape
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_normalize_along_the_first_axis() -> None:
    received = utils.normalize(MATRIX, axis=0)
    np.testing.assert_allclose(np.linalg.norm(received, axis=0), np.ones(4), rtol=1e-12)


@pytest.mark.oracle
def test_normalize_of_a_list(keras_utils) -> None:
    x = [[3.0, 4.0], [0.0, 2.0]]
    received, expected = utils.normalize(x), keras_utils.normalize(x)
    np.testing.assert_allclose(np.asarray(received), np.asarray(expected), rtol=1e-6)


@pytest.mark.oracle
def test_set_random_seed_draws_what_keras_draws(keras_utils) -> None:
    draws = []
    for module in (utils, keras_utils):
        module.set_random_seed(812)
        draws.append((random.random(), np.random.rand()))
    assert draws[0] == draws[1]


@pytest.mark.parametrize("seed", ["7", 7.0, None])
def test_set_random_seed_refuses(seed) -> None:
    with pytest.raises(ValueError, match="Expected `seed` to be an integer"):
        utils.set_random_seed(seed)
