"""Every metric in `fit` and `evaluate`: names, order, values, and what "accuracy" stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import BATCH, MARKS, ROWS, Data, Pair, labels, one_hot, rows

pytestmark = MARKS

Make = Callable[[Any], Any]

# Each kind of problem: units, activation, loss and targets.
KINDS: dict[str, tuple[int, Any, str, Any]] = {
    "binary": (1, "sigmoid", "binary_crossentropy", lambda: labels(2, (1,))),
    "flat_binary": (1, "sigmoid", "binary_crossentropy", lambda: labels(2)),
    "sparse": (3, "softmax", "sparse_categorical_crossentropy", lambda: labels(3)),
    "sparse_column": (3, "softmax", "sparse_categorical_crossentropy", lambda: labels(3, (1,))),
    "one_hot": (3, "softmax", "categorical_crossentropy", lambda: one_hot(3)),
    "numbers": (3, None, "mse", lambda: rows((3,), seed=2)),
    "number": (1, None, "mse", lambda: rows((), seed=2)),
}
CLASSES = ("binary", "flat_binary", "sparse", "sparse_column", "one_hot")


def _crossentropy(k: Any, name: str, kind: str) -> Any:
    """Return the name for us; Keras knows it no more, so for Keras what it stands for."""
    if k is ours:
        return name
    prefix = {"binary": "Binary", "sparse": "SparseCategorical", "one": "Categorical"}
    return getattr(k.metrics, f"{prefix[kind.partition('_')[0]]}Crossentropy")(name=name)


CASES: list[tuple[str, str, Make]] = [
    *((f"accuracy_{kind}", kind, lambda k: ["accuracy"]) for kind in CLASSES),
    *((f"acc_{kind}", kind, lambda k: ["acc"]) for kind in CLASSES),
    *((f"ce_{kind}", kind, lambda k, kind=kind: [
        _crossentropy(k, "ce", kind), _crossentropy(k, "crossentropy", kind)])
      for kind in CLASSES if kind != "flat_binary"),  # where Keras's own metric fails
    ("accuracy_regression", "number", lambda k: ["accuracy", "mse", "mae"]),
    ("two_accuracies", "binary", lambda k: ["accuracy", "acc", k.metrics.BinaryAccuracy()]),
    ("threshold", "binary", lambda k: [k.metrics.BinaryAccuracy("at", threshold=0.3)]),
    ("auc", "binary", lambda k: ["AUC", k.metrics.AUC(num_thresholds=20, curve="PR", name="pr")]),
    ("auc_logits", "number", lambda k: [k.metrics.MeanSquaredError(), "RootMeanSquaredError"]),
    ("auc_labels", "one_hot", lambda k: [k.metrics.AUC(multi_label=True, num_labels=3)]),
    ("precision_recall", "binary", lambda k: ["Precision", "Recall", k.metrics.Recall(0.3)]),
    ("precision_top_k", "one_hot", lambda k: [k.metrics.Precision(top_k=2, class_id=1)]),
    ("counts", "binary", lambda k: [
        k.metrics.TruePositives(), k.metrics.FalsePositives(), "TrueNegatives", "FalseNegatives"]),
    ("top_k", "sparse", lambda k: [k.metrics.SparseTopKCategoricalAccuracy(2)]),
    ("top_k_one_hot", "one_hot", lambda k: [k.metrics.TopKCategoricalAccuracy(2)]),
    ("regression", "numbers", lambda k: ["mse", "mae", "mape", "cosine_similarity"]),
    ("names", "sparse", lambda k: ["sparse_categorical_accuracy", "SparseCategoricalCrossentropy"]),
    ("f1", "one_hot", lambda k: [k.metrics.F1Score(average="macro", threshold=0.4)]),
    ("hinge", "numbers", lambda k: ["hinge", "squared_hinge"]),
    ("function", "numbers", lambda k: [k.metrics.mean_absolute_error]),
    ("user_function", "numbers", lambda k: [_user_function(k), _user_jnp(k)]),
    ("user_class", "numbers", lambda k: [_user_class(k)(name="sums")]),
    ("mean_of_function", "numbers", lambda k: [
        k.metrics.MeanMetricWrapper(_user_function(k), name="wrapped")]),
]  # fmt: skip


def _user_function(k: Any) -> Make:
    def largest_error(y_true: Any, y_pred: Any) -> Any:
        return k.ops.max(k.ops.abs(y_true - y_pred), axis=-1)

    return largest_error


def _user_jnp(k: Any) -> Make:
    import jax.numpy as jnp

    def smallest_error(y_true: Any, y_pred: Any) -> Any:
        return jnp.min(jnp.abs(y_true - y_pred), axis=-1)

    return smallest_error


def _user_class(k: Any) -> type:
    class Sums(k.metrics.Metric):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.total = self.add_weight(shape=(), initializer="zeros", name="total")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            errors = k.ops.sum(k.ops.abs(y_true - y_pred), axis=-1)
            if sample_weight is not None:
                errors = errors * sample_weight
            self.total.assign_add(k.ops.sum(errors))

        def result(self) -> Any:
            return self.total * 2

    return Sums


def _build(kind: str) -> Make:
    units, activation, _, _ = KINDS[kind]

    def build(k: Any) -> Any:
        return k.Sequential([k.Input((6,)), k.layers.Dense(units, activation)])

    return build


@pytest.mark.parametrize(("name", "kind", "make"), CASES, ids=[case[0] for case in CASES])
def test_metric(keras: Any, name: str, kind: str, make: Make) -> None:
    """Plain and weighted metrics, validation data, and a partial last batch."""
    _, _, loss, targets = KINDS[kind]
    x, y, weight = rows((6,)), targets(), np.linspace(0.1, 2.0, ROWS).astype("float32")
    given = name not in ("user_class", "user_function")
    data = Data(x, y, {"batch_size": 8, "sample_weight": weight, "validation_data": (x[:6], y[:6])})

    def compile(k: Any) -> dict[str, Any]:
        return {"loss": loss, "metrics": make(k), "weighted_metrics": make(k) if given else None}

    pair = Pair.make(keras, _build(kind), compile, x)
    pair.check_training(data)
    _same_evaluation(pair, x, y, weight)


def _same_evaluation(pair: Pair, x: Any, y: Any, weight: Any) -> None:
    options = {"sample_weight": weight, "batch_size": BATCH, "verbose": 0}
    for form in (False, True):
        mine = pair.ours.evaluate(x, y, return_dict=form, **options)
        keras = pair.theirs.evaluate(x, y, return_dict=form, **options)
        assert list(mine) == list(keras) if form else len(mine) == len(keras)
        for got, expected in zip(_values(mine), _values(keras), strict=True):
            np.testing.assert_allclose(got, np.asarray(expected), rtol=1e-4, atol=1e-5)
    assert pair.ours.metrics_names == pair.theirs.metrics_names


def _values(results: Any) -> list[Any]:
    return list(results.values()) if isinstance(results, dict) else results
