"""scikit-learn's own checks of estimators; what is expected to fail is named, with the reason."""

from __future__ import annotations

from typing import Any

import pytest
from sklearn.utils.estimator_checks import estimator_checks_generator

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


def _cases() -> list[Any]:
    """Return every check of every estimator under a name that is the same in every process."""
    cases = []
    for estimator in _estimators():
        expected = EXPECTED[type(estimator)]
        for copy, check in estimator_checks_generator(estimator):
            name = check.func.__name__
            options = "-".join(f"{key}={value}" for key, value in check.keywords.items())
            marks = [pytest.mark.xfail(reason=expected[name])] if name in expected else []
            title = "-".join(filter(None, (type(estimator).__name__, name, options)))
            cases.append(pytest.param(copy, check, id=title, marks=marks))
    return cases


@pytest.mark.filterwarnings("ignore")  # the checks warn of what they provoke
@pytest.mark.parametrize(("estimator", "check"), _cases())
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)
