"""Every metric against real Keras: three batches, weighted or not, and rows of padding."""

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import metrics
from graphc.keras.metrics.lookup import METRICS

pytestmark = [
    pytest.mark.oracle,
    # Keras itself asks JAX for 64-bit indices in its confusion matrices.
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64"),
]

B, T, C = 8, 3, 4
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def rng(seed=0):
    return np.random.default_rng(seed)


def scores(*shape):
    return lambda r: r.normal(size=shape).astype("float32")


def unit(*shape):
    return lambda r: r.random(shape).astype("float32")


def chances(*shape):
    def draw(r):
        raw = np.exp(r.normal(size=shape))
        return (raw / raw.sum(-1, keepdims=True)).astype("float32")

    return draw


def below(high, *shape):
    return lambda r: r.integers(0, high, shape)


def one_hot(*shape):
    return lambda r: np.eye(C, dtype="float32")[r.integers(0, C, shape)]


def edges(*shape):
    """Scores that lie on thresholds, zero and one among them."""
    return lambda r: (r.integers(0, 11, shape) / 10).astype("float32")


REAL = [(scores(B, 3), scores(B, 3)), (scores(B), scores(B, 1)), (scores(B, T, 2), scores(B, T, 2))]
YES = [(below(2, B), unit(B, 1)), (below(2, B, 3), unit(B, 3)), (below(2, B), edges(B))]
PICK = [(one_hot(B), chances(B, C)), (one_hot(B, T), chances(B, T, C))]
INDEX = [
    (below(C, B), chances(B, C)),
    (below(C, B, 1), chances(B, C)),
    (below(C, B, T), chances(B, T, C)),
]
LABELS = [(below(2, B, C), unit(B, C)), (one_hot(B), chances(B, C))]
EVEN = [i / 10 for i in range(11)]

CASES = [
    ("MeanSquaredError", {}, REAL),
    ("RootMeanSquaredError", {}, REAL),
    ("MeanAbsoluteError", {}, REAL),
    ("MeanAbsolutePercentageError", {}, REAL),
    ("MeanSquaredLogarithmicError", {}, REAL),
    ("LogCoshError", {}, REAL),
    ("CosineSimilarity", {}, REAL[::2]),
    ("PearsonCorrelation", {}, REAL[::2]),
    ("PearsonCorrelation", {"axis": 1}, REAL[2:]),
    ("ConcordanceCorrelation", {}, REAL[::2]),
    ("ConcordanceCorrelation", {"axis": 1}, REAL[2:]),
    ("R2Score", {}, REAL[:1]),
    ("R2Score", {"class_aggregation": None}, REAL[:1]),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, REAL[:1]),
    ("R2Score", {"num_regressors": 2}, REAL[:1]),
    ("KLDivergence", {}, PICK),
    ("Poisson", {}, PICK),
    ("Hinge", {}, YES[1:2]),
    ("SquaredHinge", {}, YES[1:2]),
    ("CategoricalHinge", {}, PICK),
    ("BinaryCrossentropy", {"label_smoothing": 0.1}, YES[1:2]),
    ("CategoricalCrossentropy", {}, PICK),
    ("CategoricalCrossentropy", {"from_logits": True}, PICK),
    ("SparseCategoricalCrossentropy", {}, INDEX),
    ("SparseCategoricalCrossentropy", {"ignore_class": 1}, INDEX[::2]),
    ("Accuracy", {}, [(below(2, B, 1), below(2, B, 1)), (below(3, B), below(3, B, 1))]),
    ("BinaryAccuracy", {}, YES),
    ("BinaryAccuracy", {"threshold": 0.3}, YES),
    ("CategoricalAccuracy", {}, PICK),
    ("SparseCategoricalAccuracy", {}, INDEX),
    ("TopKCategoricalAccuracy", {"k": 2}, PICK),
    ("SparseTopKCategoricalAccuracy", {"k": 2}, INDEX[::2]),
    (
        "SparseTopKCategoricalAccuracy",
        {"k": 2, "from_sorted_ids": True},
        [(below(C, B), lambda r: np.argsort(r.random((B, C)), axis=1).astype("int32"))],
    ),
    ("TruePositives", {}, YES),
    ("FalsePositives", {"thresholds": [0.2, 0.7]}, YES),
    ("TrueNegatives", {"thresholds": EVEN}, YES),
    ("FalseNegatives", {}, YES),
    ("Precision", {}, YES),
    ("Precision", {"thresholds": EVEN}, YES),
    ("Precision", {"top_k": 2}, LABELS),
    ("Recall", {"thresholds": [0.1, 0.6]}, YES),
    ("Recall", {"class_id": 1}, LABELS),
    ("SensitivityAtSpecificity", {"specificity": 0.4}, YES),
    ("SpecificityAtSensitivity", {"sensitivity": 0.4, "num_thresholds": 20}, YES),
    ("PrecisionAtRecall", {"recall": 0.5, "num_thresholds": 1}, YES),
    ("RecallAtPrecision", {"precision": 0.5, "class_id": 2}, LABELS),
    ("AUC", {}, YES),
    ("AUC", {"curve": "PR"}, YES),
    ("AUC", {"curve": "PRGAIN"}, YES),
    ("AUC", {"curve": "PR", "summation_method": "majoring", "num_thresholds": 11}, YES),
    ("AUC", {"summation_method": "minoring", "thresholds": [0.2, 0.9, 0.5]}, YES),
    ("AUC", {"from_logits": True}, [(below(2, B), scores(B, 1))]),
    ("AUC", {"multi_label": True}, LABELS),
    ("AUC", {"multi_label": True, "label_weights": [1.0, 2.0, 0.0, 3.0], "num_labels": C}, LABELS),
    ("AUC", {"multi_label": True, "curve": "PR", "thresholds": [0.3, 0.8]}, LABELS),
    ("AUC", {"label_weights": [1.0, 2.0, 0.0, 3.0]}, LABELS),
    ("FBetaScore", {"beta": 2.0, "threshold": 0.5}, LABELS),
    ("F1Score", {}, LABELS),
    ("F1Score", {"average": "micro"}, LABELS),
    ("F1Score", {"average": "weighted", "threshold": 0.3}, LABELS),
    ("IoU", {"num_classes": 3, "target_class_ids": [0, 2]}, [(below(3, B), below(3, B))]),
    ("BinaryIoU", {"threshold": 0.3}, [(below(2, B), unit(B)), (below(2, B, 1), unit(B, 1))]),
    ("MeanIoU", {"num_classes": 3, "ignore_class": 1}, [(below(4, B), below(3, B))]),
    ("OneHotIoU", {"num_classes": C, "target_class_ids": [1]}, PICK[:1]),
    ("OneHotMeanIoU", {"num_classes": C}, PICK),
]
CASE_IDS = [f"{name}-{kwargs}" for name, kwargs, _ in CASES]


def batches(pair):
    y_true, y_pred = pair
    return [(y_true(rng(seed)), y_pred(rng(seed + 10))) for seed in range(3)]


def weight_of(name, y_true, seed):
    whole = "IoU" in name
    shape = y_true.shape if whole and y_true.ndim == 1 else (B,)
    return rng(seed).integers(0, 3, shape) if whole else rng(seed).random(shape)


@pytest.mark.parametrize(("name", "kwargs", "pairs"), CASES, ids=CASE_IDS)
def test_stream_equals_keras(keras, name, kwargs, pairs):
    for pair in pairs:
        ours = getattr(metrics, name)(**kwargs)
        theirs = getattr(keras.metrics, name)(**kwargs)
        for y_true, y_pred in batches(pair):
            ours.update_state(y_true, y_pred)
            theirs.update_state(y_true, y_pred)
            assert np.allclose(ours.result(), theirs.result(), **CLOSE)
        ours.reset_state()
        assert not any(np.any(variable.numpy()) for variable in ours.variables)


ONE_PAIR = [(name, kwargs, pairs[0]) for name, kwargs, pairs in CASES]


@pytest.mark.parametrize(("name", "kwargs", "pair"), ONE_PAIR, ids=CASE_IDS)
def test_weighted_stream_equals_keras(keras, name, kwargs, pair):
    ours = getattr(metrics, name)(**kwargs)
    theirs = getattr(keras.metrics, name)(**kwargs)
    for seed, (y_true, y_pred) in enumerate(batches(pair)):
        weight = weight_of(name, y_true, seed)
        ours.update_state(y_true, y_pred, weight)
        theirs.update_state(y_true, y_pred, weight)
    assert np.allclose(ours.result(), theirs.result(), **CLOSE)


@pytest.mark.parametrize(("name", "kwargs", "pairs"), CASES, ids=CASE_IDS)
def test_rows_of_weight_zero_are_ignored(name, kwargs, pairs):
    real = 5
    for pair in pairs[-2:]:
        padded, short = (getattr(metrics, name)(**kwargs) for _ in range(2))
        ones = (np.arange(B) < real).astype("int32" if "IoU" in name else "float32")
        for y_true, y_pred in batches(pair):
            y_true[real:], y_pred[real:] = y_true[0], y_pred[0]
            padded.update_state(y_true, y_pred, ones)
            short.update_state(y_true[:real], y_pred[:real], ones[:real])
        for one, other in zip(padded.variables, short.variables, strict=True):
            assert np.allclose(one.numpy(), other.numpy(), **CLOSE)


CONFIGS = [(name, kwargs) for name, kwargs, _ in CASES]


@pytest.mark.parametrize(("name", "kwargs"), CONFIGS, ids=CASE_IDS)
def test_config_round_trip_and_keras_reads_it(keras, name, kwargs):
    metric = getattr(metrics, name)(name="mine", **kwargs)
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    theirs = getattr(keras.metrics, name)(name="mine", **kwargs)
    if "label_weights" not in kwargs:
        expected = theirs.get_config()
        assert expected.keys() <= metric.get_config().keys()
        same = {key: metric.get_config()[key] for key in expected if key != "thresholds"}
        assert same == {key: value for key, value in expected.items() if key != "thresholds"}
    getattr(keras.metrics, name).from_config(metric.get_config())


def test_names_are_those_of_keras(keras):
    for name, cls in keras.src.metrics.ALL_OBJECTS_DICT.items():
        assert METRICS.members[name] is getattr(metrics, cls.__name__)


@pytest.mark.parametrize(
    "weight", [None, 2.0, np.arange(B), np.ones((B, 1)), np.ones((B, T))], ids=str
)
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_mean_and_sum_of_values_equal_keras(keras, name, weight):
    for shape in [(B,), (B, T), (B, T, 2)]:
        if np.ndim(weight) == 2 and shape == (B,) and np.shape(weight) != (B, 1):
            continue
        ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
        values = rng(7).normal(size=shape)
        ours.update_state(values, weight)
        theirs.update_state(values, weight)
        assert np.allclose(ours(values * 2, weight), theirs(values * 2, weight), **CLOSE)


def test_masked_predictions_equal_keras(keras):
    mask = rng(3).integers(0, 2, (B, T))
    for weight in (None, rng(4).random((B, 1)), rng(4).random((B, T))):
        ours, theirs = metrics.MeanAbsoluteError(), keras.metrics.MeanAbsoluteError()
        y_true, y_pred = scores(B, T, 2)(rng(1)), jnp.asarray(scores(B, T, 2)(rng(2)))
        y_pred._keras_mask = jnp.asarray(mask)
        assert np.allclose(ours(y_true, y_pred, weight), theirs(y_true, y_pred, weight), **CLOSE)
