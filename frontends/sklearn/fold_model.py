"""The model of one fold: its predictions of known rows are there already."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc import keras
from graphc.keras.training.lane import Trained
from graphc.keras.training.lane_outputs import outputs_of
from graphc.sklearn.known import digest

# What does not depend on the weights is read from the model that the lane began with.
SAME = ("built", "compiled", "loss", "name", "output_names", "output_shape", "outputs")


class FoldModel:
    """A trained model as its lane left it; a Keras model of its own is made when asked for."""

    def __init__(
        self, trained: Trained, outputs: Any = None, places: dict[Any, np.ndarray] | None = None
    ) -> None:
        self._trained, self._outputs, self._places = trained, outputs, places or {}
        self._whole: Any = None

    def predict(self, x: Any, **options: Any) -> Any:
        """Return the outputs for rows."""
        rows = self._places.get(digest(x)) if self._outputs is not None else None
        if rows is not None:
            return self._outputs[rows]
        return outputs_of([self._trained], x)[0] if len(x) else self.whole.predict(x, **options)

    @property
    def whole(self) -> Any:
        """A Keras model with these weights, compiled as the first one was."""
        if self._whole is None:
            first = self._trained.lane.model
            model = keras.models.clone_model(first)
            model.compile_from_config(first.get_compile_config())
            model.optimizer.build(model.trainable_variables)
            self._trained.into(model)
            self._whole = model
        return self._whole

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._trained.lane.model if name in SAME else self.whole, name)

    def __reduce__(self) -> Any:
        return _same, (self.whole,)


def _same(model: Any) -> Any:
    return model
