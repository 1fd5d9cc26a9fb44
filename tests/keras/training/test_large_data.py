"""Arrays that do not fit on the device: streamed in segments, with the bytes of a resident run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc import config, keras

ROWS, BATCH = 203, 8
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(ROWS, 6)).astype("float32"), RNG.normal(size=(ROWS, 1)).astype("float32")
W = RNG.uniform(size=ROWS).astype("float32")
LITTLE = 2 * 3 * BATCH * 8 * 4  # two segments of three steps


def model() -> Any:
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.3), keras.layers.Dense(1)]
    made = keras.Sequential([keras.Input((6,)), *layers])
    made.compile("adam", "mse", metrics=["mae"])
    return made


def trained(x: Any, y: Any, **options: Any) -> list[bytes]:
    found = model()
    history = found.fit(x, y, batch_size=BATCH, epochs=3, verbose=0, **options).history
    results = found.evaluate(X, Y, batch_size=BATCH, verbose=0)
    outputs = found.predict(X, batch_size=BATCH, verbose=0)
    arrays = [*found.get_weights(), *history.values(), results, outputs]
    return [np.asarray(array).tobytes() for array in arrays]


OPTIONS: dict[str, dict[str, Any]] = {
    "shuffled": {},
    "in order": {"shuffle": False},
    "weighted": {"sample_weight": W},
    "validated": {"validation_data": (X[:50], Y[:50])},
    "some steps": {"steps_per_epoch": 7},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_streamed_is_resident(name: str) -> None:
    resident = trained(X, Y, **OPTIONS[name])
    with config.DATA_BYTES(LITTLE):
        assert trained(X, Y, **OPTIONS[name]) == resident


def test_a_file_mapped_to_memory(tmp_path: Any) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    resident = trained(X, Y)
    assert trained(mapped, Y) == resident
    with config.DATA_BYTES(LITTLE):
        assert trained(mapped, Y) == resident
