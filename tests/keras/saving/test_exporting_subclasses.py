"""Models that are classes of their own, exported with the inputs that they were called with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras
from graphc.artifacts.loader import load


class Own(keras.Model):
    """A model with one layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


class Pair(keras.Model):
    """A model of two arguments."""

    def call(self, x: Any, y: Any) -> Any:
        return x + y


class Named(Own):
    """A model of a dictionary."""

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs["a"] + inputs["b"])


X = np.arange(15, dtype="float32").reshape(5, 3)


def test_a_subclass_is_exported_as_it_was_called(tmp_path: Path) -> None:
    model = Own()
    model(np.ones((2, 3), "float32"))
    model.export(tmp_path / "model.graphc")
    found = load(tmp_path / "model.graphc")(X)
    np.testing.assert_allclose(found, model.predict(X, verbose=0), rtol=1e-5)


def test_a_trained_subclass_and_a_dictionary(tmp_path: Path) -> None:
    model = Named()
    model.compile("sgd", "mse")
    model.fit({"a": X, "b": X}, X[:, :2], verbose=0)
    model.export(tmp_path / "model.onnx", format="onnx")
    model.export(tmp_path / "model.graphc")
    found = load(tmp_path / "model.graphc")({"a": X, "b": X})
    np.testing.assert_allclose(found, model.predict({"a": X, "b": X}, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("format", ["stablehlo", "onnx"])
def test_what_says_nothing_of_its_inputs_is_refused(tmp_path: Path, format: str) -> None:
    with pytest.raises(ValueError, match="called on data or built"):
        Own().export(tmp_path / "model", format=format)
    pair = Pair()
    pair(X, y=X)
    with pytest.raises(ValueError, match=r"keras\.Model\(inputs, model"):
        pair.export(tmp_path / "model", format=format)
