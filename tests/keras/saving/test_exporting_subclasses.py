"""Models that do not say what their inputs are, exported: an error that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphc import keras


class Own(keras.Model):
    """A model with one layer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.dense(x)


@pytest.mark.parametrize("format", ["stablehlo", "onnx"])
def test_a_subclass_says_how_it_can_be_exported(tmp_path: Path, format: str) -> None:
    model = Own()
    with pytest.raises(ValueError, match="called on data or built"):
        model.export(tmp_path / "model", format=format)
    model(np.ones((2, 3), "float32"))
    with pytest.raises(ValueError, match=r"keras\.Model\(x, model\(x\)\)"):
        model.export(tmp_path / "model", format=format)
    x = keras.Input((3,))
    keras.Model(x, model(x)).export(tmp_path / "model.graphc")
    assert (tmp_path / "model.graphc").stat().st_size
