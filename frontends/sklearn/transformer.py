"""`KerasTransformer`: what a Keras model makes of rows, as a scikit-learn transformer."""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import validate_data

from graphc import keras
from graphc.sklearn.coding import Labels
from graphc.sklearn.plans import Prepared
from graphc.sklearn.wrapper import KerasEstimator


class KerasTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, KerasEstimator):
    """A transformer whose outputs are those of a Keras model, or of one of its layers.

    It learns from targets as a classifier does where these are labels (strings, whole numbers,
    truth values), as a regressor does where they are floats, and without any as an autoencoder,
    whose targets are the rows. Other arguments are those of `KerasEstimator`.

    Args:
        layer: the name or the number of the layer whose outputs are wanted; the model's when None.
        reconstruct: whether the rows are the targets, even where others are given.

    Attributes:
        model_: the trained model.
        history_: a dict of one number an epoch under each name.
        n_features_in_: features of a row.
        feature_names_in_: their names, where the data had some.
    """

    _prepares_by = ("reconstruct",)

    def __init__(
        self,
        model: Any = None,
        warm_start: bool = False,
        model_kwargs: Any = None,
        fit_kwargs: Any = None,
        *,
        layer: str | int | None = None,
        reconstruct: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, warm_start, model_kwargs, fit_kwargs, **kwargs)
        self.layer = layer
        self.reconstruct = reconstruct

    def transform(self, X: Any) -> np.ndarray:
        """Return the outputs for rows: [N, D], or of more axes where the layer's have more.

        Raises:
            ValueError: there is no such layer.
        """
        x = self._fitted_rows(X)
        return self._run(self._extractor(), x)

    def take_over(self, model: Any, history: Any, **given: Any) -> Self:
        super().take_over(model, history, **given)
        self._extracting = None
        shape = self._extractor().output_shape
        self._n_features_out = math.prod(shape[1:])
        return self

    def _extractor(self) -> Any:
        """Return the model up to the wanted layer."""
        if self.layer is None:
            return self.model_
        if self._extracting is None:
            where = "index" if isinstance(self.layer, int) else "name"
            layer = self.model_.get_layer(**{where: self.layer})
            self._extracting = keras.Model(self.model_.inputs, layer.output)
        return self._extracting

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, Any]:
        if y is not None and not self.reconstruct:
            return super()._checked(X, y, reset=reset)
        X = validate_data(self, X, dtype=np.float32, allow_nd=True, reset=reset)
        self.X_shape_ = X.shape
        return X, X

    def _learn(self, y: Any, *, reset: bool, classes: Any) -> None:
        if not reset:
            return
        self._labels = None if np.asarray(y).dtype.kind == "f" else Labels.of(y, classes)
        if self._labels is not None:
            self.n_classes_ = len(self._labels.classes)
            self.target_type_ = self._labels.kind
            self.n_outputs_ = 1
            self.n_outputs_expected_ = 1 if self.target_type_ == "binary" else self.n_classes_
            return
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[-1]
        self.n_outputs_expected_ = self.n_outputs_
        self.target_type_ = "continuous" if y.ndim == 1 else "continuous-multioutput"

    def _coded(self, y: Any) -> np.ndarray:
        return np.asarray(y, np.float32) if self._labels is None else self._labels.codes(y)

    def _targets(self, data: Prepared, model: Any) -> np.ndarray:
        if self._labels is not None:
            return self._labels.targets(data.y, model, data.x)
        return data.y[:, None] if data.y.ndim == 1 else data.y

    def _shown_targets(self, data: Prepared) -> np.ndarray:
        if self._labels is not None:
            return self._labels.one_hot(data.y)
        return self._targets(data, None)

    def _default_loss(self, model: Any, data: Prepared) -> Any:
        if self._labels is not None:
            return self._labels.default_loss(model, data.x)
        return super()._default_loss(model, data)

    def __getstate__(self) -> Any:
        return {**super().__getstate__(), "_extracting": None}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
