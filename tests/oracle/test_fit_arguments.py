"""The arguments of `fit` that change numbers: weights, splits, partial batches, steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracle.pairing import MARKS, ROWS, Data, check, labels, one_hot, rows

pytestmark = MARKS

WEIGHTS = np.linspace(0.1, 2.0, ROWS)
X, CLASSES, NUMBERS = rows((6,)), labels(3), rows((3,), 2)
SOFTMAX = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}

CASES: dict[str, dict[str, Any]] = {
    "sample_weight": {"sample_weight": WEIGHTS},
    "sample_weight_column": {"sample_weight": WEIGHTS[:, None]},
    "sample_weight_zeros": {"sample_weight": (WEIGHTS > 1).astype("int32")},
    "class_weight": {"class_weight": {0: 0.5, 1: 2.0}},
    "split": {"validation_split": 0.25},
    "split_of_weights": {"validation_split": 0.25, "sample_weight": WEIGHTS},
    "validation": {"validation_data": (X[:7], CLASSES[:7])},
    "validation_weights": {"validation_data": (X[:7], CLASSES[:7], WEIGHTS[:7])},
    "validation_batch": {"validation_data": (X[:7], CLASSES[:7]), "validation_batch_size": 3},
    "validation_steps": {"validation_data": (X, CLASSES), "validation_steps": 2},
    "partial": {"batch_size": 6},
    "partial_weights": {"batch_size": 6, "sample_weight": WEIGHTS, "validation_split": 0.1},
    "larger_batch_than_data": {"batch_size": 64},
    "default_batch": {"batch_size": None},
    "one_row_batches": {"batch_size": 1},
}


def _build(k: Any) -> Any:
    layers = [k.layers.Dense(5, activation="relu"), k.layers.Dense(3, activation="softmax")]
    return k.Sequential([k.Input((6,)), *layers])


def _build_norm(k: Any) -> Any:
    layers = [k.layers.Dense(5, kernel_regularizer="l2"), k.layers.BatchNormalization(momentum=0.6)]
    return k.Sequential([k.Input((6,)), *layers, k.layers.Dense(3, activation="softmax")])


@pytest.mark.parametrize("build", [_build, _build_norm], ids=["plain", "norm"])
@pytest.mark.parametrize("name", CASES)
def test_argument(keras: Any, name: str, build: Any) -> None:
    weighted = dict(SOFTMAX, weighted_metrics=["accuracy"])
    check(keras, build, Data(X, CLASSES, CASES[name]), lambda k: dict(weighted))


@pytest.mark.parametrize("smooth", [False, True])
def test_class_weight_of_one_hot_targets(keras: Any, smooth: bool) -> None:
    y = one_hot(3) * 0.8 + 0.05 if smooth else one_hot(3)
    data = Data(X, y, {"class_weight": {0: 0.5, 2: 3.0}})
    check(keras, _build, data, lambda k: {"loss": "categorical_crossentropy"})


def test_weights_by_position(keras: Any) -> None:
    """A target [B, T, C] with a weight for every step [B, T]."""

    def build(k: Any) -> Any:
        return k.Sequential([k.Input((4, 6)), k.layers.Dense(3)])

    weight = np.abs(rows((4,), 5))
    data = Data(rows((4, 6)), rows((4, 3), 2), {"sample_weight": weight, "batch_size": 6})
    check(keras, build, data, lambda k: {"loss": "mse", "weighted_metrics": ["mae"]})


def test_weights_by_output(keras: Any) -> None:
    def build(k: Any) -> Any:
        inputs = k.Input((6,))
        return k.Model(
            inputs, [k.layers.Dense(3, name="a")(inputs), k.layers.Dense(3, name="b")(inputs)]
        )

    def compile(k: Any) -> dict[str, Any]:
        return {"loss": ["mse", "mae"], "weighted_metrics": [["mae"], ["mse"]]}

    fit = {"sample_weight": [WEIGHTS, WEIGHTS[::-1].copy()], "batch_size": 6}
    check(keras, build, Data(X, [NUMBERS, NUMBERS + 1], fit), compile)


@pytest.mark.parametrize("y", [CLASSES, CLASSES[:, None], CLASSES.astype("float32")])
def test_targets_flat_and_in_a_column(keras: Any, y: Any) -> None:
    check(keras, _build, Data(X, y), lambda k: dict(SOFTMAX))


def test_constraints_and_regularizers_together(keras: Any) -> None:
    def build(k: Any) -> Any:
        options = {
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
            "kernel_regularizer": "l1",
        }
        embedding = k.layers.Embedding(
            9, 4, embeddings_regularizer="l2", embeddings_constraint="unit_norm"
        )
        layers = [embedding, k.layers.Flatten(), k.layers.Dense(3, **options)]
        return k.Sequential([k.Input((6,), dtype="int32"), *layers])

    check(keras, build, Data(labels(9, (6,)), NUMBERS), lambda k: {"loss": "mse"})


def test_train_and_test_on_batch(keras: Any) -> None:
    from tests.oracle.pairing import Pair

    pair = Pair.make(keras, _build_norm, lambda k: dict(SOFTMAX), X)
    for method in ("train_on_batch", "train_on_batch", "test_on_batch"):
        for form in (False, True):
            mine = getattr(pair.ours, method)(X[:8], CLASSES[:8], return_dict=form)
            theirs = getattr(pair.theirs, method)(X[:8], CLASSES[:8], return_dict=form)
            assert list(mine) == list(theirs) if form else len(mine) == len(theirs)
            for got, expected in zip(_values(mine), _values(theirs), strict=True):
                np.testing.assert_allclose(got, np.asarray(expected), rtol=1e-4)
    pair.check_outputs(X)


def _values(results: Any) -> list[Any]:
    return list(results.values()) if isinstance(results, dict) else list(results)
