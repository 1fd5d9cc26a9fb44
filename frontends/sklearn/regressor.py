"""`KerasRegressor`: a Keras model that tells numbers, as a scikit-learn regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from graphc.sklearn.plans import Prepared
from graphc.sklearn.wrapper import KerasEstimator


class KerasRegressor(RegressorMixin, KerasEstimator):
    """A regressor whose model is a Keras model; arguments are those of `KerasEstimator`.

    Attributes:
        model_: the trained model.
        history_: a dict of one number an epoch under each name.
        n_outputs_: numbers that are predicted for a row.
        n_features_in_: features of a row.
        feature_names_in_: their names, where the data had some.
    """

    _y_numeric = True
    _prepares_by = ()

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions for rows: [N], or [N, K] where the targets had two axes."""
        found = self._raw(X).astype(self._target_dtype)
        flat = self._target_axes == 1 and found.ndim == 2 and found.shape[1] == 1
        return found[:, 0] if flat else found

    def _learn(self, y: Any, *, reset: bool, classes: Any) -> None:
        if not reset:
            return
        self._target_axes = y.ndim
        self._target_dtype = np.result_type(y.dtype, np.float32)  # of the predictions
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        self.n_outputs_expected_ = self.n_outputs_
        self.target_type_ = "continuous" if y.ndim == 1 else "continuous-multioutput"

    def _coded(self, y: Any) -> np.ndarray:
        return np.asarray(y, np.float32)

    def _targets(self, data: Prepared, model: Any) -> np.ndarray:
        return data.y[:, None] if data.y.ndim == 1 else data.y

    def _shown_targets(self, data: Prepared) -> np.ndarray:
        return self._targets(data, None)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags
