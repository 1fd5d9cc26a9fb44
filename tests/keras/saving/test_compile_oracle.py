"""How a model was compiled, in files that cross from one library to the other."""

from __future__ import annotations

import random
import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.saving.saved_compiles import COMPILES, OPTIMIZERS
from tests.keras.saving.test_files_oracle import DIRECTIONS, FORMATS, values_of

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # of Keras's variables
]
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.eye(2, dtype="float32")[[0, 1, 1, 0, 1, 0, 0, 1]]
TABLE = {"optimizers": OPTIMIZERS, "losses and metrics": COMPILES}
Saved = tuple[tuple[list[np.ndarray], list[np.ndarray]], dict[str, float], dict[str, str]]
UNWRITTEN = {("Adafactor", "h5", "from keras"): "it gives two variables the same name"}
UNTRIED = {  # what Keras cannot do with its own files neither: (name, format, direction)
    ("Adafactor", "h5", "from Keras"): "it gives two variables the same name",
    ("Lamb", "h5", "to Keras"): "it does not know the optimizer by its name",
}


def _case(family: str, name: str, ending: str, direction: str) -> Any:
    """Return a case; most are left to `make test-all`, always the same ones."""
    chosen = ending == "keras" and direction == DIRECTIONS[zlib.crc32(name.encode()) % 2]
    sampled = zlib.crc32(f"{name}{ending}{direction}".encode()) % 6 == 0
    marks = () if chosen or sampled else (pytest.mark.slow,)
    return pytest.param(family, name, ending, direction, marks=marks)


CASES = [
    _case(family, name, ending, direction)
    for family, cases in TABLE.items()
    for name in cases
    for direction in DIRECTIONS
    for ending in FORMATS
    if (name, ending, direction) not in UNTRIED
]


def compiled(keras: Any, family: str, name: str) -> Any:
    """Return a compiled model."""
    keras.backend.clear_session()
    random.seed(1)
    model = keras.Sequential([
        keras.Input((4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(),
        keras.layers.Dense(2),
    ])  # fmt: skip
    model.compile(**TABLE[family][name](keras))
    return model


@lru_cache(maxsize=2)
def trained(keras: Any, family: str, name: str, folder: Path) -> Saved:
    """Return the files of a model after two steps, and what they should hold."""
    model = compiled(keras, family, name)
    model.fit(X, Y, batch_size=4, verbose=0)
    for ending in FORMATS:
        if (name, ending, f"from {keras.__name__}") not in UNWRITTEN:
            path = folder / f"model.{ending}"
            (model.save_weights if ending == "weights.h5" else model.save)(path)
    values = values_of(model, False), values_of(model, True)
    config = {key: str(value) for key, value in model.optimizer.get_config().items()}
    return values, model.evaluate(X, Y, verbose=0, return_dict=True), config


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a function that gives each model of each library a folder."""

    @cache
    def folder(*_: str) -> Path:
        return tmp_path_factory.mktemp("saved")

    return folder


@pytest.mark.parametrize(("family", "name", "ending", "direction"), CASES, ids=lambda part: part)
def test_compile_state_comes_back(
    keras: Any,
    folders: Any,
    record_property: Any,
    family: str,
    name: str,
    ending: str,
    direction: str,
) -> None:
    record_property("files", (family, ending, direction))
    writer, reader = (ours, keras) if direction == "to Keras" else (keras, ours)
    folder = folders(direction, family, name)
    values, expected, config = trained(writer, family, name, folder)
    path = folder / f"model.{ending}"
    if ending == "weights.h5":
        again = compiled(reader, family, name)
        again.optimizer.build(again.trainable_variables)
        again.load_weights(path)
    else:
        again = reader.saving.load_model(path)
    # Keras does not restore the optimizer's state from `.h5` files, its own neither.
    whole = (ending, direction) != ("h5", "to Keras")
    for one, other in zip(values_of(again, whole), values[whole], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    found = again.evaluate(X, Y, verbose=0, return_dict=True)
    if ending != "h5":  # from which Keras's metrics come with their long names
        assert found.keys() == expected.keys()
    np.testing.assert_allclose(sorted(found.values()), sorted(expected.values()), rtol=1e-4)
    assert {key: str(value) for key, value in again.optimizer.get_config().items()} == config
