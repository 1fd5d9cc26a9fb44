"""`MLPClassifier` and `MLPRegressor`: scikit-learn's estimators, trained by graphc."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import neural_network
from sklearn.metrics import r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted

from graphc.sklearn.mlp_base import MLPBase, is_stochastic


class MLPClassifier(MLPBase, neural_network.MLPClassifier):
    """A multi-layer perceptron classifier: scikit-learn's, as one compiled program an epoch.

    Arguments, their defaults and checks, fitted attributes and what they mean are those of the
    installed scikit-learn. With the same `random_state` the first weights and the order of the
    rows are scikit-learn's, too; but "sgd" and "adam" compute in single precision.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return the classes of rows [N, F]: [N], or [N, K] of zeros and ones for multilabel."""
        check_is_fitted(self)
        found = self._outputs(X)
        found = found.ravel() if self.n_outputs_ == 1 else found
        return self._label_binarizer.inverse_transform(found)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes for rows [N, F]: [N, K]."""
        check_is_fitted(self)
        found = self._outputs(X)
        return np.hstack([1 - found, found]) if self.n_outputs_ == 1 else found

    @available_if(is_stochastic)
    def partial_fit(
        self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None
    ) -> MLPClassifier:
        """Train for one epoch, going on from where the last call ended.

        Args:
            X: rows [N, F].
            y: their classes.
            sample_weight: their weights [N].
            classes: all classes there are; needed in the first call, and the same in later ones.
        """
        self._validate_params()
        self._know_classes(y, classes)
        return self._train(X, y, sample_weight, incremental=True)

    def _know_classes(self, y: Any, classes: Any) -> None:
        known = getattr(self, "classes_", None)
        if classes is None and known is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        given = classes is not None
        if given and known is not None and not np.array_equal(known, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, "
                f"was: {known!r}"
            )
        if known is None:
            multilabel = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if multilabel else classes)
            self.classes_ = unique_labels(classes)

    def _encoded(self, y: Any, *, incremental: bool) -> np.ndarray:
        """Return the targets [N, K] of checked labels; what the labels are is noted."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_known(y)
        return self._label_binarizer.transform(y).astype(np.float32)

    def _check_known(self, y: Any) -> None:
        found = unique_labels(y)
        if self.warm_start and set(found) != set(self.classes_):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous "
                f"call to fit. Previously got {self.classes_}, `y` has {found}"
            )
        if len(np.setdiff1d(found, self.classes_, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes_}. "
                f"'y' has {found}."
            )

    def _output_activation(self) -> str:
        return "softmax" if self._label_binarizer.y_type_ == "multiclass" else "logistic"

    def _stratify(self, y: np.ndarray) -> np.ndarray | None:
        return y.astype(bool) if self.n_outputs_ == 1 else None

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, weights: Any) -> float:
        """Return the accuracy of outputs [N, K] for targets [N, K]."""
        if self.out_activation_ == "softmax":
            right = outputs.argmax(1) == y.argmax(1)
        else:
            right = ((outputs > 0.5) == (y > 0.5)).all(1)
        return float(np.average(right, weights=weights))


class MLPRegressor(MLPBase, neural_network.MLPRegressor):
    """A multi-layer perceptron regressor: scikit-learn's, as one compiled program an epoch.

    Arguments, their defaults and checks, fitted attributes and what they mean are those of the
    installed scikit-learn. With the same `random_state` the first weights and the order of the
    rows are scikit-learn's, too; but "sgd" and "adam" compute in single precision.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return the predictions for rows [N, F]: [N], or [N, K] of several outputs."""
        check_is_fitted(self)
        found = self._outputs(X)
        return found.ravel() if found.shape[1] == 1 else found

    @available_if(is_stochastic)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> MLPRegressor:
        """Train for one epoch on rows [N, F], going on from where the last call ended."""
        self._validate_params()
        return self._train(X, y, sample_weight, incremental=True)

    def _encoded(self, y: Any, *, incremental: bool) -> np.ndarray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return y.reshape(len(y), -1)

    def _output_activation(self) -> str:
        return "exp" if getattr(self, "loss", None) == "poisson" else "identity"

    def _stratify(self, y: np.ndarray) -> None:
        return None

    def _score_of(self, y: np.ndarray, outputs: np.ndarray, weights: Any) -> float:
        """Return R2 of outputs [N, K] for targets [N, K]; NaN where one is not finite."""
        if not np.isfinite(outputs).all():
            return float("nan")
        return float(r2_score(y, outputs, sample_weight=weights))
