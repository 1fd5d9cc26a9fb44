"""A search of many candidates takes as much memory as one of few."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from graphc import keras
from graphc.sklearn import KerasClassifier, RandomizedSearchCV
from graphc.sklearn.ahead import Ahead

X = np.random.default_rng(0).normal(size=(200, 10)).astype("float32")


def build(rate: float = 0.01, drop: float = 0.1) -> Any:
    layers = [keras.layers.Dense(32, "relu"), keras.layers.Dropout(drop)]
    model = keras.Sequential([keras.Input((10,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy")
    return model


@pytest.mark.slow
def test_it_stays_flat_over_five_hundred_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    train, seen = Ahead._train, []

    def counting(self: Ahead) -> None:
        train(self)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        seen.append(pages * 4096 / 2**20)

    monkeypatch.setattr(Ahead, "_train", counting)
    space = {"rate": stats.loguniform(1e-4, 1e-1), "drop": stats.uniform(0.05, 0.5)}
    estimator = KerasClassifier(build, rate=0.01, drop=0.1, epochs=2, random_state=0)
    search = RandomizedSearchCV(estimator, space, n_iter=500, cv=3, random_state=0)
    search.fit(X, (X[:, 0] > 0).astype(int))
    assert search.trainings_.lanes == 1500
    assert len(seen) == 6
    assert seen[-1] - seen[1] < 50  # MiB; 250 candidates hold 750 sets of weights and slots
