"""scikit-learn's own checks of estimators; what is expected to fail is named, with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from graphc import keras
from graphc.sklearn import (
    KerasClassifier,
    KerasRegressor,
    KerasTransformer,
    MLPClassifier,
    MLPRegressor,
)
from tests.sklearn.builders import build_by_meta

BATCHES = "a row of weight zero still fills a place in its batch, as in Keras"
SINGLE = "training by epochs is in single precision: it is equivalent to 1e-6, not to 1e-7"
EQUIVALENCE = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)
EXPECTED = {
    KerasClassifier: dict.fromkeys(EQUIVALENCE, BATCHES),
    KerasRegressor: dict.fromkeys(EQUIVALENCE, BATCHES),
    KerasTransformer: dict.fromkeys(EQUIVALENCE, BATCHES),
    MLPClassifier: dict.fromkeys(EQUIVALENCE, SINGLE),
    MLPRegressor: dict.fromkeys(EQUIVALENCE, SINGLE),
}


def _optimizer() -> Any:
    return keras.optimizers.Adam(0.02)


def _estimators() -> list[Any]:
    common = {"optimizer": _optimizer(), "random_state": 0, "batch_size": 16}
    return [
        KerasClassifier(build_by_meta, epochs=60, **common),
        KerasRegressor(build_by_meta, epochs=60, **common),
        KerasTransformer(build_by_meta, epochs=2, **common),
        MLPClassifier(hidden_layer_sizes=20, learning_rate_init=0.02, max_iter=60),
        MLPRegressor(hidden_layer_sizes=20, learning_rate_init=0.02, max_iter=60),
    ]


def _expected(estimator: Any) -> dict[str, str]:
    return EXPECTED[type(estimator)]


@pytest.mark.filterwarnings("ignore")  # the checks warn of what they provoke
@parametrize_with_checks(_estimators(), expected_failed_checks=_expected)
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
