"""Files of ours in real Keras, and Keras's here: equal predictions and equal optimizer state."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.saving.saved_models import MODELS, inputs_of

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),  # of Keras's variables
]
FORMATS = ("keras", "weights.h5", "h5")
# Keras's loader of `.h5` files does not know operations, not even in its own ones.
CASES = [
    (family, name, ending)
    for family, cases in MODELS.items()
    for name in cases
    for ending in FORMATS
    if (name, ending) != ("operations", "h5")
]


def trained(keras: Any, family: str, name: str) -> Any:
    """Return a compiled model whose weights and slots are no longer the first ones."""
    keras.backend.clear_session()
    random.seed(1)
    model = MODELS[family][name](keras)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    model.optimizer.build(model.trainable_variables)
    rng = np.random.default_rng(2)
    for variable in (*model.weights, *model.optimizer.variables):
        if np.issubdtype(np.asarray(variable.value).dtype, np.floating):
            variable.assign(rng.uniform(0.1, 0.5, variable.shape))
    return model


def loaded(keras: Any, path: Path, family: str, name: str) -> Any:
    """Return the model of a file, or with the file's weights."""
    if not path.name.endswith(".weights.h5"):
        return keras.saving.load_model(path)
    keras.backend.clear_session()
    model = MODELS[family][name](keras)
    model.compile(keras.optimizers.Adam(0.01), keras.losses.MeanSquaredError())
    model.optimizer.build(model.trainable_variables)
    model.load_weights(path)
    return model


@pytest.mark.parametrize("direction", ["to Keras", "from Keras"])
@pytest.mark.parametrize(("family", "name", "ending"), CASES, ids=lambda part: part)
def test_a_model_comes_back(
    keras: Any, tmp_path: Path, family: str, name: str, ending: str, direction: str
) -> None:
    writer, reader = (ours, keras) if direction == "to Keras" else (keras, ours)
    model = trained(writer, family, name)
    path = tmp_path / f"model.{ending}"
    (model.save_weights if ending == "weights.h5" else model.save)(path)
    again = loaded(reader, path, family, name)
    # Keras does not restore the optimizer's state from `.h5` files, its own neither.
    whole = (ending, direction) != ("h5", "to Keras")
    expected, found = (
        [np.asarray(v.value) for v in (*m.weights, *(m.optimizer.variables if whole else ()))]
        for m in (model, again)
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.astype("float64"), other.astype("float64"))
    x = inputs_of(model)
    outputs = [jax.tree.leaves(m.predict(x, verbose=0)) for m in (again, model)]
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_allclose(
            np.asarray(one, "float32"), np.asarray(other, "float32"), rtol=1e-5, atol=1e-5
        )
