"""The rarer arguments of metrics against real Keras: flags, axes, averages, thresholds, dtypes."""

import numpy as np
import pytest

from graphc.keras import metrics
from tests.keras.metrics.test_metric_oracle import (
    CLOSE,
    LABELS,
    PICK,
    REAL,
    YES,
    B,
    C,
    T,
    batches,
    below,
    chances,
    edges,
    one_hot,
    scores,
    weight_of,
)

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64"),
    pytest.mark.filterwarnings("ignore::UserWarning"),  # both warn of float weights for counts
]


def first_axis(draw):
    """The same scores with classes on axis 1."""
    return lambda r: np.moveaxis(draw(r), -1, 1)


SOME = {"num_classes": C, "target_class_ids": [0, 2]}
CHANNELS = (first_axis(one_hot(B, T)), first_axis(chances(B, T, C)))
CASES = [
    ("IoU", {**SOME, "sparse_y_true": False}, (one_hot(B), below(C, B))),
    ("IoU", {**SOME, "sparse_y_pred": False}, (below(C, B), chances(B, C))),
    ("IoU", {**SOME, "sparse_y_true": False, "sparse_y_pred": False}, PICK[0]),
    ("IoU", {**SOME, "ignore_class": 0, "dtype": "float32"}, (below(C, B), below(C, B))),
    ("MeanIoU", {"num_classes": C, "sparse_y_pred": False}, (below(C, B), chances(B, C))),
    ("OneHotIoU", {**SOME, "sparse_y_pred": True}, (one_hot(B), below(C, B))),
    ("OneHotMeanIoU", {"num_classes": C, "ignore_class": 0}, PICK[0]),
    ("BinaryIoU", {"target_class_ids": [1], "dtype": "float32"}, YES[0]),
    ("FBetaScore", {"average": "macro", "beta": 0.5}, LABELS[0]),
    ("FBetaScore", {"average": "micro", "threshold": 0.1}, LABELS[0]),
    ("FBetaScore", {"average": "weighted"}, LABELS[1]),
    ("F1Score", {"threshold": 0.9}, LABELS[0]),
    ("AUC", {"from_logits": True, "multi_label": True}, (below(2, B, C), scores(B, C))),
    ("AUC", {"curve": "PR", "num_thresholds": 5}, YES[2]),
    ("AUC", {"curve": "PR", "multi_label": True, "num_labels": C}, LABELS[0]),
    ("AUC", {"curve": "PRGAIN", "multi_label": True}, LABELS[0]),
    ("AUC", {"summation_method": "majoring"}, YES[2]),
    ("AUC", {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}, YES[2]),
    ("AUC", {"dtype": "float32", "label_weights": [1.0, 2.0, 3.0, 4.0]}, LABELS[0]),
    ("Precision", {"thresholds": 0.3, "class_id": 1}, LABELS[0]),
    ("Precision", {"thresholds": 0.3, "top_k": 2, "class_id": 1}, LABELS[0]),
    ("Precision", {"thresholds": [0.0, 1.0]}, (below(2, B), edges(B))),
    ("Recall", {"top_k": 1, "class_id": 0}, LABELS[1]),
    ("Recall", {"thresholds": [0.0, 0.5, 1.0]}, (below(2, B), edges(B))),
    ("PrecisionAtRecall", {"recall": 0.5, "class_id": 1}, LABELS[0]),
    ("SensitivityAtSpecificity", {"specificity": 0.4, "class_id": 1}, LABELS[0]),
    ("SpecificityAtSensitivity", {"sensitivity": 1.0}, YES[2]),
    ("RecallAtPrecision", {"precision": 0.9, "num_thresholds": 7}, YES[0]),
    ("TopKCategoricalAccuracy", {"k": 1}, PICK[1]),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, (below(C, B, 1), chances(B, C))),
    ("BinaryCrossentropy", {"from_logits": True}, (below(2, B, 3), scores(B, 3))),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, (below(C, B), scores(B, C))),
    ("CategoricalCrossentropy", {"label_smoothing": 0.2}, PICK[0]),
    ("CategoricalCrossentropy", {"axis": 1}, CHANNELS),
    ("CosineSimilarity", {"axis": 1}, REAL[2]),
    ("R2Score", {"num_regressors": 10}, REAL[0]),
    ("MeanAbsoluteError", {"dtype": "bfloat16"}, REAL[0]),
    ("MeanSquaredError", {"dtype": "float16"}, REAL[0]),
    ("BinaryAccuracy", {"dtype": "float16"}, YES[1]),
    ("RootMeanSquaredError", {"dtype": "bfloat16"}, REAL[0]),
]
IDS = [f"{name}-{kwargs}" for name, kwargs, _ in CASES]


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("name", "kwargs", "pair"), CASES, ids=IDS)
def test_stream_equals_keras(keras, name, kwargs, pair, weighted):
    ours, theirs = getattr(metrics, name)(**kwargs), getattr(keras.metrics, name)(**kwargs)
    narrow = kwargs.get("dtype") in ("float16", "bfloat16")
    close = {"rtol": 2e-2, "atol": 1e-2} if narrow else CLOSE
    for seed, (y_true, y_pred) in enumerate(batches(pair)):
        weight = (weight_of(name, y_true, seed),) if weighted else ()
        ours.update_state(y_true, y_pred, *weight)
        theirs.update_state(y_true, y_pred, *weight)
        result, expected = np.asarray(ours.result()), np.asarray(theirs.result())
        assert result.dtype == expected.dtype
        assert np.allclose(result.astype("float64"), expected.astype("float64"), **close)
    assert [v.dtype for v in ours.variables] == [v.dtype for v in theirs.variables]
    assert [tuple(v.shape) for v in ours.variables] == [tuple(v.shape) for v in theirs.variables]


@pytest.mark.parametrize(("name", "kwargs", "pair"), CASES, ids=IDS)
def test_config_equals_keras(keras, name, kwargs, pair):
    mine = getattr(metrics, name)(name="mine", **kwargs)
    theirs = getattr(keras.metrics, name)(name="mine", **kwargs).get_config()
    for key in ("thresholds", "label_weights"):  # Keras adds the ends, or arrays
        theirs.pop(key, None)
    assert theirs.items() <= mine.get_config().items()
    again = metrics.deserialize(metrics.serialize(mine))
    assert again.get_config() == mine.get_config()


REFUSED = [
    ("IoU", {"num_classes": 2, "target_class_ids": [2]}),
    ("FBetaScore", {"average": "mean"}),
    ("FBetaScore", {"beta": 0.0}),
    ("FBetaScore", {"beta": 1}),
    ("F1Score", {"threshold": 2.0}),
    ("AUC", {"num_thresholds": 1}),
    ("AUC", {"curve": "ROCK"}),
    ("AUC", {"summation_method": "sum"}),
    ("Precision", {"thresholds": [2.0]}),
    ("PrecisionAtRecall", {"recall": 2.0}),
    ("RecallAtPrecision", {"precision": -1.0}),
    ("SensitivityAtSpecificity", {"specificity": 2.0}),
    ("SpecificityAtSensitivity", {"sensitivity": 0.5, "num_thresholds": 0}),
    ("R2Score", {"class_aggregation": "mean"}),
    ("R2Score", {"num_regressors": -1}),
]


@pytest.mark.parametrize(("name", "kwargs"), REFUSED, ids=str)
def test_refused_as_by_keras(keras, name, kwargs):
    with pytest.raises(ValueError):  # noqa: PT011 : Keras's words are its own
        getattr(keras.metrics, name)(**kwargs)
    with pytest.raises(ValueError, match="Received"):
        getattr(metrics, name)(**kwargs)
