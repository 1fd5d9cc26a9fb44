"""The estimators under the names and with the customs of `keras.wrappers`."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.sklearn.classifier import KerasClassifier
from graphc.sklearn.plans import Prepared
from graphc.sklearn.regressor import KerasRegressor
from graphc.sklearn.transformer import KerasTransformer


class _ComesCompiled:
    """Refuses a model that is not compiled, as Keras's wrappers do."""

    def _compile(self, model: Any, data: Prepared) -> None:
        if not model.compiled or not model.loss or not model.optimizer:
            raise RuntimeError(
                "Given model needs to be compiled, and have a loss and an optimizer. "
                f"Received: the model '{model.name}'"
            )
        super()._compile(model, data)  # pyright: ignore[reportAttributeAccessIssue]


class SKLearnClassifier(_ComesCompiled, KerasClassifier):
    """`KerasClassifier` for models that are compiled, as in `keras.wrappers`."""

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the model's outputs for rows."""
        return self._raw(X)


class SKLearnRegressor(_ComesCompiled, KerasRegressor):
    """`KerasRegressor` for models that are compiled, as in `keras.wrappers`."""


class SKLearnTransformer(_ComesCompiled, KerasTransformer):
    """`KerasTransformer` for models that are compiled, as in `keras.wrappers`."""
