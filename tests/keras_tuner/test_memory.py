"""A search keeps no models: its memory stays flat."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

MEGABYTE = 1 << 20
TRIALS = """
import gc, json, sys, tempfile, weakref
import numpy as np
import psutil
from graphc import cache_info, keras, keras_tuner

x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
y = (x[:, 0] > 0).astype("int32")
process, sizes, models = psutil.Process(), [], []

def build(hp):
    model = keras.Sequential([
        keras.Input((5,)),
        keras.layers.Dense({units}, activation="relu"),
        keras.layers.Dropout(hp.Float("rate", 0.1, 0.5)),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    rate = hp.Float("lr", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "binary_crossentropy", metrics=["accuracy"])
    models.append(weakref.ref(model))
    return model

class Watched(keras_tuner.{kind}):
    def on_trial_end(self, trial):
        super().on_trial_end(trial)
        if len(self.oracle.trials) % 10 == 0:
            gc.collect()
            sizes.append(process.memory_info().rss)

with tempfile.TemporaryDirectory() as folder:
    tuner = Watched(build, "val_loss", max_trials=int(sys.argv[1]), seed=0, directory=folder)
    tuner.search(x, y, batch_size=16, validation_split=0.25, verbose=0)
    alive = sum(one() is not None for one in models)
    print(json.dumps({{"sizes": sizes, "misses": cache_info().misses, "alive": alive}}))
"""


def searched(kind, count, units):
    code = TRIALS.format(kind=kind, units=units)
    command = [sys.executable, "-c", code, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1800)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        pytest.param("RandomSearch", 60, marks=pytest.mark.slow),
        pytest.param("RandomSearch", 500, marks=pytest.mark.slow),
        pytest.param("BayesianOptimization", 500, marks=pytest.mark.slow),
    ],
)
def test_trials_leave_nothing_behind(kind, count):
    found = searched(kind, count, units="7")
    assert found["misses"] == 2, "one program to train and one to evaluate, for all trials"
    assert found["alive"] <= 1
    growth = found["sizes"][-1] - found["sizes"][2]
    assert growth < count * MEGABYTE / 10, f"grew by {growth / MEGABYTE:.1f} MB: {found['sizes']}"


@pytest.mark.slow
def test_nor_do_trials_that_all_differ_in_structure():
    """Programs are bounded, and what JAX keeps of each small function for each shape is, too."""
    found = searched("RandomSearch", 400, units='hp.Int("units", 4, 4000)')
    assert found["misses"] > 700
    sizes = found["sizes"]
    growth = max(sizes[30:]) - max(sizes[10:20])
    assert growth < 40 * MEGABYTE, f"grew by {growth / MEGABYTE:.1f} MB: {sizes}"
