"""Every loss against real Keras: kinds of data, reductions, weights, masks, gradients, configs."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import losses

pytestmark = pytest.mark.oracle

B, T, C = 6, 4, 5
CLOSE = {"rtol": 2e-6, "atol": 1e-6}


def rng(seed=0):
    return np.random.default_rng(seed)


def scores(*shape):
    return rng(1).normal(size=shape).astype("float32")


def chances(*shape):
    raw = np.exp(scores(*shape))
    return (raw / raw.sum(-1, keepdims=True)).astype("float32")


def bits(*shape):
    return rng(2).integers(0, 2, shape)


def classes(*shape):
    return rng(3).integers(0, C, shape)


def one_hot(*shape):
    return np.eye(C, dtype="float32")[classes(*shape)]


REAL = [
    (scores(B, 3), scores(B, 3) * 0.3 + 1),
    (scores(B), scores(B, 1) - 1),
    (scores(B, 1), scores(B) - 1),
    (scores(B, T, 3), scores(B, T, 3) * 2),
    (rng(4).integers(0, 9, (B, 1)), scores(B, 1)),
    (scores(B, T, 1), scores(B, T)),
]
SIGN = [(bits(B, 3), scores(B, 3)), (bits(B, 3) * 2 - 1, scores(B, 3)), (bits(B), scores(B, 1))]
YES_NO = [
    (bits(B, 3), chances(B, 3)),
    (bits(B), chances(B, 2)[:, :1]),
    (bits(B, T, 3).astype("float64"), chances(B, T, 3)),
]
YES_NO_LOGITS = [(bits(B, 3), scores(B, 3) * 5), (bits(B, 1), scores(B, 1))]
PICK = [(one_hot(B), chances(B, C)), (one_hot(B, T), chances(B, T, C)), (chances(B, C), one_hot(B))]
PICK_LOGITS = [(one_hot(B), scores(B, C) * 4), (one_hot(B, T), scores(B, T, C))]
INDEX = [
    (classes(B), chances(B, C)),
    (classes(B, 1), chances(B, C)),
    (classes(B, T), chances(B, T, C)),
    (classes(B, T, 1).astype("uint8"), chances(B, T, C)),
    (classes(B).astype("float64"), chances(B, C)),
]
WORDS = [(rng(7).integers(1, C, (B, 2)) * [[1, i % 2] for i in range(B)], scores(B, 9, C) * 3)]
APART = [(classes(B), scores(B, 4) / np.linalg.norm(scores(B, 4), axis=1, keepdims=True))]
INDEX_LOGITS = [(classes(B), scores(B, C) * 9), (classes(B, T), scores(B, T, C))]

CASES = [
    ("MeanSquaredError", {}, REAL),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, REAL),
    ("CosineSimilarity", {}, [*REAL[:4], (np.zeros((B, 3)), scores(B, 3))]),
    ("CosineSimilarity", {"axis": 1}, REAL[3:4]),
    ("Huber", {}, REAL),
    ("Huber", {"delta": 0.3}, REAL),
    ("LogCosh", {}, [*REAL, (scores(B, 2) * 100, scores(B, 2))]),
    ("Hinge", {}, SIGN),
    ("SquaredHinge", {}, SIGN),
    ("CategoricalHinge", {}, PICK),
    ("KLDivergence", {}, PICK),
    ("Poisson", {}, PICK),
    ("Dice", {}, [YES_NO[0], YES_NO[2]]),
    ("Dice", {"axis": (1,)}, [YES_NO[0]]),
    ("Tversky", {"alpha": 0.3, "beta": 0.7}, [YES_NO[0]]),
    ("Tversky", {"alpha": 0.3, "axis": (1, 2)}, [YES_NO[2]]),
    ("BinaryCrossentropy", {}, YES_NO),
    ("BinaryCrossentropy", {"label_smoothing": 0.2}, YES_NO),
    ("BinaryCrossentropy", {"from_logits": True}, YES_NO_LOGITS),
    ("BinaryCrossentropy", {"axis": 1}, [YES_NO[2]]),
    ("BinaryFocalCrossentropy", {}, YES_NO),
    ("BinaryFocalCrossentropy", {"apply_class_balancing": True, "gamma": 3.0}, YES_NO),
    ("BinaryFocalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, YES_NO_LOGITS),
    ("CategoricalCrossentropy", {}, PICK),
    ("CategoricalCrossentropy", {"label_smoothing": 0.1}, PICK),
    ("CategoricalCrossentropy", {"from_logits": True}, PICK_LOGITS),
    ("CategoricalCrossentropy", {"axis": 1}, [PICK[1]]),
    ("CategoricalFocalCrossentropy", {}, PICK),
    ("CategoricalFocalCrossentropy", {"from_logits": True, "alpha": 0.5}, PICK_LOGITS),
    ("SparseCategoricalCrossentropy", {}, INDEX),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, INDEX_LOGITS),
    ("SparseCategoricalCrossentropy", {"ignore_class": 2}, INDEX),
    ("SparseCategoricalCrossentropy", {"ignore_class": -1, "from_logits": True}, INDEX_LOGITS),
    ("CategoricalGeneralizedCrossEntropy", {}, [INDEX[0], INDEX[2]]),
    ("CategoricalGeneralizedCrossEntropy", {"q": 0.2}, INDEX[:1]),
    ("CTC", {}, WORDS),
    ("Circle", {}, [*APART, (APART[0][0][:, None], APART[0][1])]),
    ("Circle", {"gamma": 20.0, "margin": 0.2, "remove_diagonal": False}, APART),
]
CASE_IDS = [f"{name}-{kwargs}" for name, kwargs, _ in CASES]
REDUCTIONS = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None]


@pytest.mark.parametrize(("name", "kwargs", "pairs"), CASES, ids=CASE_IDS)
def test_values_and_gradients_equal_keras(keras, name, kwargs, pairs):
    ours = getattr(losses, name)(**kwargs)
    theirs = getattr(keras.losses, name)(**kwargs)
    for y_true, y_pred in pairs:
        assert np.allclose(ours(y_true, y_pred), theirs(y_true, y_pred), **CLOSE)
    if kwargs and "from_logits" not in kwargs:
        return
    y_true, y_pred = pairs[0]
    gradient = jax.grad(lambda pred: ours(y_true, pred).sum())(jnp.asarray(y_pred))
    expected = jax.grad(lambda pred: theirs(y_true, pred).sum())(jnp.asarray(y_pred))
    assert np.allclose(gradient, expected, rtol=1e-5, atol=1e-6)


ROW, ENTRY = rng(5).random(B), rng(5).random((B, T))
# Shapes of predictions, and the weights that Keras can broadcast against their losses.
WEIGHTS = [
    ((B,), [None, 0.5, ROW[0]]),
    ((B, 1), [None, 0.5, ROW, ROW[:, None], rng(6).integers(0, 2, B), np.zeros((B, 1))]),
    ((B, T), [None, ROW, ROW[:, None]]),
    ((B, T, 3), [None, 2, ROW[:, None], ENTRY, ENTRY[..., None], ENTRY[0], np.zeros((B, T))]),
    ((B, 2, 3, 2), [None, ROW[:, None, None], ENTRY[:, :3].reshape(B, 1, 3)]),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("shape", "weights"), WEIGHTS, ids=[str(shape) for shape, _ in WEIGHTS])
def test_weights_and_reductions_equal_keras(keras, reduction, shape, weights):
    y_true, y_pred = scores(*shape), scores(*shape) * 0.5
    ours = losses.MeanSquaredError(reduction=reduction)
    theirs = keras.losses.MeanSquaredError(reduction=reduction)
    for weight in weights:
        assert np.allclose(ours(y_true, y_pred, weight), theirs(y_true, y_pred, weight), **CLOSE)


MASKS = [
    (np.arange(B) < 4, [None, ROW, ROW[:, None]]),
    (rng(6).integers(0, 2, (B, T)), [None, ROW[:, None], ENTRY]),
    (np.zeros((B, T), bool), [None, ENTRY]),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("mask", "weights"), MASKS, ids=["row", "entry", "nothing"])
def test_keras_mask_equals_keras(keras, reduction, mask, weights):
    shape = (*mask.shape, 3)
    y_true, y_pred = scores(*shape), jnp.asarray(scores(*shape) * 0.5)
    y_pred._keras_mask = jnp.asarray(mask)
    ours = losses.MeanAbsoluteError(reduction=reduction)
    theirs = keras.losses.MeanAbsoluteError(reduction=reduction)
    for weight in weights:
        got, expected = ours(y_true, y_pred, weight), theirs(y_true, y_pred, weight)
        assert np.allclose(got, expected, **CLOSE)


BY_ROW = [
    case
    for case in CASES
    if case[0] not in ("Dice", "Tversky", "Circle") or case[1].keys() & {"axis"}
]


@pytest.mark.parametrize(
    ("name", "kwargs", "pairs"), BY_ROW, ids=[f"{name}-{kwargs}" for name, kwargs, _ in BY_ROW]
)
def test_padding_gives_the_loss_of_the_real_rows(name, kwargs, pairs):
    real = 4
    y_true, y_pred = pairs[0]
    valid = jnp.arange(B) < real
    for reduction in REDUCTIONS[1:4]:
        loss = getattr(losses, name)(reduction=reduction, **kwargs)
        for weight in (None, ROW):
            some = None if weight is None else weight[:real]
            got = loss(y_true, y_pred, weight, mask=valid)
            assert np.allclose(got, loss(y_true[:real], y_pred[:real], some), **CLOSE)


CONFIGS = sorted({(name, tuple(kwargs.items())) for name, kwargs, _ in CASES})


@pytest.mark.parametrize(("name", "kwargs"), CONFIGS, ids=str)
def test_config_round_trip_and_keras_reads_it(keras, name, kwargs):
    loss = getattr(losses, name)(reduction="sum", **dict(kwargs))
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    # Tuples are lists in JSON, and so after a round trip.
    assert json.dumps(again.get_config()) == json.dumps(loss.get_config())
    theirs = getattr(keras.losses, name)(reduction="sum", **dict(kwargs)).get_config()
    assert theirs.items() <= loss.get_config().items()
    getattr(keras.losses, name).from_config(loss.get_config())


def test_names_are_those_of_keras(keras):
    theirs = keras.src.losses.ALL_OBJECTS_DICT
    for name in theirs:
        if name in ("Loss", "LossFunctionWrapper"):
            continue
        found = losses.get(name)
        expected = keras.losses.get(name)
        assert getattr(found, "name", None) == getattr(expected, "name", None)
        assert getattr(found, "__name__", None) == getattr(expected, "__name__", None)
