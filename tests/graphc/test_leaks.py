"""Counts of compiles and traces, and memory, over models that are built again and again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras
from graphc.programs import cache_info, clear_cache

BACKEND_COMPILE = "/jax/core/compile/backend_compile_duration"
FOLDS = 10
MEGABYTE = 1 << 20


class Compiles:
    """Counts XLA compiles of programs by the name of the jitted function."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, event: str, duration: float, **metadata: Any) -> None:
        if event == BACKEND_COMPILE:
            self.names.append(str(metadata.get("fun_name", "")))

    @property
    def steps(self) -> int:
        """Compiles of whole programs: `run` is what graphc jits."""
        return sum(name in ("run", "jit_run", "jit(run)") for name in self.names)


@pytest.fixture
def compiles() -> Iterator[Compiles]:
    listener = Compiles()
    clear_cache()
    jax.monitoring.register_event_duration_secs_listener(listener)
    yield listener
    jax.monitoring.unregister_event_duration_listener(listener)
    clear_cache()


def _model(units: int = 7) -> Any:
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def _rows(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 5)).astype("float32")
    return x, (x[:, :1] > 0).astype("int32")


def test_ten_folds_compile_once(compiles: Compiles) -> None:
    """Folds of 103 rows differ by a row: the padded last batch and the capacity are shared."""
    x, y = _rows(103)
    parts = np.array_split(np.arange(103), FOLDS)
    counts = []
    for held in parts:
        chosen = np.setdiff1d(np.arange(103), held)
        model = _model()
        model.fit(x[chosen], y[chosen], batch_size=16, epochs=2, verbose=0)
        model.evaluate(x[held], y[held], batch_size=16, verbose=0)
        counts.append((compiles.steps, cache_info().misses))
    assert counts[0] == (2, 2), f"one training and one test program: {compiles.names}"
    assert counts[-1] == counts[0], f"later folds compiled again: {counts}"
    assert cache_info().hits >= 2 * (FOLDS - 1)


def test_changing_a_number_compiles_nothing(compiles: Compiles) -> None:
    x, y = _rows(32)
    model = _model()
    model.fit(x, y, batch_size=16, verbose=0)
    before = compiles.steps, cache_info().misses
    model.optimizer.learning_rate = 0.123
    model.layers[1].rate = 0.7
    model.fit(x, y, batch_size=16, epochs=3, verbose=0)
    assert (compiles.steps, cache_info().misses) == before


def test_other_lengths_of_near_equal_data_compile_nothing(compiles: Compiles) -> None:
    model = _model()
    for count in (100, 97, 112, 103):
        x, y = _rows(count)
        model.fit(x, y, batch_size=16, verbose=0)
    assert (compiles.steps, cache_info().misses) == (1, 1)


def test_another_structure_compiles_again(compiles: Compiles) -> None:
    x, y = _rows(32)
    for units in (7, 8):
        _model(units).fit(x, y, batch_size=16, verbose=0)
    assert (compiles.steps, cache_info().misses) == (2, 2)


class Scaled(keras.layers.Layer):
    """A raw-JAX layer with a weight, a number and an array of its own."""

    def __init__(self, factor: float = 2.0, offset: float = 0.0) -> None:
        super().__init__()
        self.factor, self.offset = factor, np.full(7, offset, "float32")

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x: Any) -> Any:
        return jnp.tanh(jax.nn.relu(jnp.asarray(x) * self.scale[...]) * self.factor) + self.offset


def _with_layer(layer: Any) -> Any:
    dense = keras.layers.Dense(7, activation="relu")
    model = keras.Sequential([keras.Input((5,)), dense, layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def _fit_with(*layers: Any) -> None:
    x, y = _rows(32)
    for layer in layers:
        _with_layer(layer).fit(x, y, batch_size=16, verbose=0)


def test_raw_jax_layers_rebuilt_compile_once(compiles: Compiles) -> None:
    _fit_with(Scaled())
    before = cache_info().misses
    _fit_with(*(Scaled() for _ in range(5)))
    assert (compiles.steps, cache_info().misses) == (1, before)


@pytest.mark.parametrize("other", [{"factor": 3.0}, {"offset": 1.0}], ids=["number", "array"])
def test_raw_jax_layers_that_differ_are_told_apart(compiles: Compiles, other: Any) -> None:
    _fit_with(Scaled(), Scaled(**other))
    assert compiles.steps == 2


def test_derivative_rules_of_a_users_are_told_apart(compiles: Compiles) -> None:
    x, y = _rows(16)
    weights = []
    for factor in (1.0, 5.0):

        @jax.custom_jvp
        def identity(x: Any) -> Any:
            return x * 1.0

        identity.defjvp(lambda p, t, factor=factor: (p[0] * 1.0, t[0] * factor))
        keras.utils.set_random_seed(0)
        model = _with_layer(keras.layers.Lambda(lambda x, f=identity: f(jnp.asarray(x))))
        model.fit(x, y, batch_size=16, verbose=0)
        weights.append(model.get_weights()[0])
    assert not np.allclose(*weights)


ROUNDS = """
import gc, json, sys
import numpy as np
import psutil
from graphc import keras

x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
y = (x[:, :1] > 0).astype("int32")

def round_of(number):
    model = keras.Sequential([
        keras.Input((5,)), keras.layers.Dense(7, activation="relu"),
        keras.layers.Dense(1, activation="sigmoid"),
    ])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=16, epochs=1, verbose=0)

process = psutil.Process()
sizes = []
for number in range(int(sys.argv[1])):
    round_of(number)
    if number % 10 == 9:
        gc.collect()
        sizes.append(process.memory_info().rss)
import graphc
print(json.dumps({"sizes": sizes, "misses": graphc.cache_info().misses}))
"""
PREDICTS = """
import json, sys
import numpy as np
import psutil
from graphc import keras

model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(7), keras.layers.Dense(1)])
rows = [np.ones((1 + number % 3, 5), "float32") for number in range(int(sys.argv[1]))]
process, sizes = psutil.Process(), []
for number, x in enumerate(rows):
    model.predict(x, verbose=0)
    model(x)
    if number % 1000 == 999:
        sizes.append(process.memory_info().rss)
print(json.dumps({"sizes": sizes}))
"""


def measured(program: str, count: int) -> dict[str, Any]:
    """Return what a fresh process prints last."""
    command = [sys.executable, "-c", program, str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("rounds", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_rebuilds_leak_nothing(rounds: int) -> None:
    warm = 20
    found = measured(ROUNDS, warm + rounds)
    growth = found["sizes"][-1] - found["sizes"][warm // 10 - 1]
    assert found["misses"] == 1
    assert growth < rounds * MEGABYTE / 10, f"grew by {growth / MEGABYTE:.1f} MB: {found['sizes']}"


def test_ten_thousand_predicts_leak_nothing() -> None:
    sizes = measured(PREDICTS, 10_000)["sizes"]
    growth = sizes[-1] - sizes[0]
    assert growth < 2 * MEGABYTE, f"grew by {growth / MEGABYTE:.1f} MB: {sizes}"
