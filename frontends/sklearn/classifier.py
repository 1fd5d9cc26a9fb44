"""`KerasClassifier`: a Keras model that tells classes, as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d

from graphc.sklearn.coding import Labels
from graphc.sklearn.plans import Prepared
from graphc.sklearn.sample_weights import weights_by_class
from graphc.sklearn.wrapper import KerasEstimator


class KerasClassifier(ClassifierMixin, KerasEstimator):
    """A classifier whose model is a Keras model.

    Labels may be of any kind; targets may be binary, of several classes, or multilabel (zeros and
    ones [N, K]). The model may put out one probability for two classes, or one for each class, or
    raw scores where its loss says so (`from_logits`); the targets take the form that the loss
    wants. Other arguments are those of `KerasEstimator`.

    Args:
        class_weight: "balanced", or a dict from a label to the weight of its rows.

    Attributes:
        model_: the trained model.
        history_: a dict of one number an epoch under each name.
        classes_: the labels [K].
        n_classes_: how many they are.
        n_features_in_: features of a row.
        feature_names_in_: their names, where the data had some.

    Raises:
        ValueError: in `fit`, targets of another kind, or data that does not fit.
    """

    _prepares_by = ("class_weight",)

    def __init__(
        self,
        model: Any = None,
        warm_start: bool = False,
        model_kwargs: Any = None,
        fit_kwargs: Any = None,
        *,
        class_weight: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(model, warm_start, model_kwargs, fit_kwargs, **kwargs)
        self.class_weight = class_weight

    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> Self:
        """Train for one epoch more.

        Args:
            X: rows [N, F], or of more axes.
            y: their classes.
            classes: all classes there are, in the first call; those of `y` when None.
            sample_weight: weights of the rows [N].
            **kwargs: arguments of the model's `fit`.
        """
        kwargs.setdefault("epochs", 1)
        goes_on = hasattr(self, "model_")
        return self._fit(X, y, sample_weight, kwargs, goes_on=goes_on, classes=classes)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes for rows: [N, K]."""
        outputs = self._raw(X)
        return self._labels.probabilities(outputs, self.model_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the classes of rows: [N], or [N, K] of zeros and ones for multilabel."""
        found = self.predict_proba(X)
        return self._labels.decoded(found)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[np.ndarray, Any]:
        X, y = super()._checked(X, y, reset=reset)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _learn(self, y: Any, *, reset: bool, classes: Any) -> None:
        if not reset:
            return
        labels = Labels.of(y, classes)
        self._labels, self.classes_, self.target_type_ = labels, labels.classes, labels.kind
        self.n_classes_ = len(labels.classes)
        self.n_outputs_ = 1
        self.n_outputs_expected_ = 1 if labels.kind == "binary" else self.n_classes_

    def _coded(self, y: Any) -> np.ndarray:
        return self._labels.codes(y)

    def _shown_targets(self, data: Prepared) -> np.ndarray:
        return self._labels.one_hot(data.y)

    def _targets(self, data: Prepared, model: Any) -> np.ndarray:
        return self._labels.targets(data.y, model, data.x)

    def _default_loss(self, model: Any, data: Prepared) -> Any:
        return self._labels.default_loss(model, data.x)

    def _weighted(self, y: Any, weights: Any) -> Any:
        return weights_by_class(self.class_weight, y, weights)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
