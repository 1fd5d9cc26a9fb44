"""Files of ours in real Keras, and Keras's here: equal predictions and equal optimizer state.

`python -m pytest -p tests.file_matrix tests/keras/saving` prints what passes as a table.
"""

from __future__ import annotations

import random
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import jax
import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.saving.saved_graphs import own_classes
from tests.keras.saving.saved_models import MODELS, inputs_of

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # of Keras's variables
    pytest.mark.filterwarnings("ignore:.*Explicitly requested dtype int64"),  # by Keras's MixUp
]
FORMATS = ("keras", "weights.h5", "h5")
DIRECTIONS = ("to Keras", "from Keras")
UNTRIED = {  # what Keras cannot do with its own files neither: (name, format, direction)
    ("operations", "h5", "to Keras"): "its loader of `.h5` files does not know operations",
    ("operations", "h5", "from Keras"): "it writes operations without their module",
    ("shear", "keras", "to Keras"): "its RandomShear refuses its own configuration",
    ("shear", "h5", "to Keras"): "its RandomShear refuses its own configuration",
    ("levels", "h5", "from Keras"): "it cannot copy the configuration",
    ("colours", "h5", "from Keras"): "it cannot copy the configuration",
    ("tones", "h5", "from Keras"): "it cannot copy the configuration",
    ("equalized", "h5", "from Keras"): "it cannot copy the configuration",
    ("towers", "h5", "to Keras"): "its `.h5` files hold graphs of layers only",
    ("towers", "h5", "from Keras"): "its `.h5` files hold graphs of layers only",
    ("inside", "h5", "to Keras"): "its `.h5` files hold graphs of layers only",
    ("inside", "h5", "from Keras"): "its `.h5` files hold graphs of layers only",
}
# Layers that Keras makes with TensorFlow, or whose files hold more than a configuration of Keras's:
# the tests of these layers, of vocabularies and of bytecode save and load them.
ELSEWHERE = {
    "FlaxLayer", "HashedCrossing", "Hashing", "IntegerLookup", "JaxLayer", "Lambda", "Layer",
    "MaxNumBoundingBoxes", "StringLookup", "TextVectorization", "Wrapper",
}  # fmt: skip
HEAVY = ("random state", "pooling and resizing", "activations and shapes", "merging", "images")
LOOSE = {"policies": 2e-2}  # products of float16 are summed in another order


def _case(family: str, name: str, ending: str, direction: str) -> Any:
    """Return a case; most are left to `make test-all`, always the same ones."""
    number = zlib.crc32(f"{family}{name}".encode())
    chosen = ending == "keras" and direction == DIRECTIONS[number % 2] and family not in HEAVY
    sampled = (
        zlib.crc32(f"{family}{name}{ending}{direction}".encode()) % 6 == 0 and family not in HEAVY
    )
    marks = () if chosen or sampled else (pytest.mark.slow,)
    return pytest.param(family, name, ending, direction, marks=marks)


CASES = [
    _case(family, name, ending, direction)
    for family, models in MODELS.items()
    for name in models
    for direction in DIRECTIONS
    for ending in FORMATS
    if (name, ending, direction) not in UNTRIED
]


def built(keras: Any, family: str, name: str) -> Any:
    """Return a model, compiled, with an optimizer that has its variables."""
    keras.backend.clear_session()
    random.seed(1)
    model = MODELS[family][name](keras)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    model.optimizer.build(model.trainable_variables)
    return model


@lru_cache(maxsize=2)
def trained(keras: Any, family: str, name: str) -> tuple[Any, list[Any]]:
    """Return a model none of whose weights and slots has its first value, and its outputs."""
    model = built(keras, family, name)
    rng = np.random.default_rng(2)
    for variable in (*model.weights, *model.optimizer.variables):
        kind = np.asarray(variable.value).dtype
        if kind.kind in "iu":
            variable.assign(np.full(variable.shape, 7, kind))
        else:
            variable.assign(rng.uniform(0.1, 0.5, variable.shape))
    return model, jax.tree.leaves(model.predict(inputs_of(model), verbose=0))


def loaded(keras: Any, path: Path, family: str, name: str) -> Any:
    """Return the model of a file, or with the file's weights."""
    if not path.name.endswith(".weights.h5"):
        own_classes(keras)  # registers them
        return keras.saving.load_model(path)
    model = built(keras, family, name)
    model.load_weights(path)
    return model


def values_of(model: Any, with_slots: bool) -> list[np.ndarray]:
    """Return the weights and, where wanted, the optimizer's variables."""
    variables = (*model.weights, *(model.optimizer.variables if with_slots else ()))
    return [np.asarray(variable.value) for variable in variables]


@pytest.mark.parametrize(("family", "name", "ending", "direction"), CASES, ids=lambda part: part)
def test_a_model_comes_back(
    keras: Any,
    tmp_path: Path,
    record_property: Any,
    family: str,
    name: str,
    ending: str,
    direction: str,
) -> None:
    record_property("files", (family, ending, direction))
    writer, reader = (ours, keras) if direction == "to Keras" else (keras, ours)
    model, expected = trained(writer, family, name)
    path = tmp_path / f"model.{ending}"
    (model.save_weights if ending == "weights.h5" else model.save)(path)
    again = loaded(reader, path, family, name)
    # Keras does not restore the optimizer's state from `.h5` files, its own neither.
    whole = (ending, direction) != ("h5", "to Keras")
    if family != "low rank":  # a file holds the sum of what is adapted and its adaptation
        for one, other in zip(values_of(again, whole), values_of(model, whole), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one.astype("float64"), other.astype("float64"))
    found = jax.tree.leaves(again.predict(inputs_of(model), verbose=0))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(
            np.asarray(one, "float32"), np.asarray(other, "float32"),
            rtol=LOOSE.get(family, 1e-5), atol=1e-5,
        )  # fmt: skip


def layout_of(path: Path) -> dict[str, Any]:
    """Return the groups and the data sets of a file, with their shapes and dtypes."""
    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        found[name] = (item.shape, str(item.dtype)) if isinstance(item, h5py.Dataset) else "group"

    with h5py.File(path) as file:
        file.visititems(note)
    return found


@pytest.mark.parametrize(
    ("family", "name"), [(f, n) for f, models in MODELS.items() for n in models if f not in HEAVY]
)
def test_files_of_weights_are_laid_out_alike(
    keras: Any, tmp_path: Path, family: str, name: str
) -> None:
    layouts = []
    for library in (ours, keras):
        path = tmp_path / f"{library.__name__}.weights.h5"
        built(library, family, name).save_weights(path)
        layouts.append(layout_of(path))
    assert layouts[0] == layouts[1]


@pytest.mark.slow
def test_every_public_layer_is_in_the_table() -> None:
    used = {
        type(layer)
        for models in MODELS.values()
        for build in models.values()
        for layer in build(ours)._flatten_layers()
    }
    public = {
        name
        for name, item in vars(ours.layers).items()
        if isinstance(item, type) and issubclass(item, ours.layers.Layer) and item not in used
    }
    assert public - ELSEWHERE == set()
