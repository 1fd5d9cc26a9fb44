"""Targets as a model is trained on them, and its outputs as the estimator predicts them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special
from sklearn.utils.multiclass import type_of_target

from graphc import keras
from graphc.sklearn.compiling import ends_linear, gives_logits, loss_name, width_of

DISCRETE = ("binary", "multiclass", "multilabel-indicator")


@dataclass(frozen=True)
class Labels:
    """The classes of a classification: their kind, in scikit-learn's word, and themselves [K]."""

    kind: str
    classes: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, classes: Any = None) -> Labels:
        """Return the classes of targets, or those given.

        Raises:
            ValueError: targets of another kind, or a single class.
        """
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind not in DISCRETE:
            raise ValueError(
                f"Unknown label type: {kind}. Expected classes: {', '.join(DISCRETE)}. Maybe you "
                f"are trying to fit a classifier, which expects discrete classes on a regression "
                f"target with continuous values. Received: {np.asarray(y).ravel()[:3]}"
            )
        if kind == "multilabel-indicator":
            return cls(kind, np.arange(y.shape[1]))
        found = np.unique(y if classes is None else classes)
        if len(found) == 1:
            raise ValueError(
                "Classifier can't train when only one class is present. "
                f"Received: the class {found[0]!r} alone"
            )
        return cls("binary" if len(found) == 2 else "multiclass", found)

    @property
    def multilabel(self) -> bool:
        """Whether a row may have several classes, or none."""
        return self.kind == "multilabel-indicator"

    def codes(self, y: np.ndarray) -> np.ndarray:
        """Return the numbers of classes [N], or zeros and ones [N, K].

        Raises:
            ValueError: classes that are not known.
        """
        if self.multilabel:
            return np.asarray(y, np.float32)
        unknown = np.setdiff1d(np.unique(y), self.classes)
        if len(unknown):
            raise ValueError(
                f"`y` holds classes that were not there before. Expected some of {self.classes}. "
                f"Received: {unknown}"
            )
        return np.searchsorted(self.classes, y).astype(np.int32)

    def one_hot(self, codes: np.ndarray) -> np.ndarray:
        """Return a column for each class [N, K]."""
        if self.multilabel:
            return codes
        return np.eye(len(self.classes), dtype=np.float32)[codes]

    def targets(self, codes: np.ndarray, model: Any, x: Any) -> np.ndarray:
        """Return targets in the form that a compiled model's loss takes."""
        if self.multilabel or "sparse" in loss_name(model):
            return codes
        if width_of(model, x) == 1:
            return codes.astype(np.float32)[:, None]
        return self.one_hot(codes)

    def default_loss(self, model: Any, x: Any) -> Any:
        """Return the loss for a model that was given none."""
        logits = ends_linear(model)
        if self.multilabel or width_of(model, x) == 1:
            return keras.losses.BinaryCrossentropy(from_logits=logits)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=logits)

    def probabilities(self, outputs: np.ndarray, model: Any) -> np.ndarray:
        """Return a model's outputs as probabilities [N, K]."""
        outputs = outputs.reshape(len(outputs), -1)
        single = outputs.shape[1] == 1
        if gives_logits(model):
            independent = self.multilabel or single
            outputs = special.expit(outputs) if independent else special.softmax(outputs, axis=1)
        if single and not self.multilabel:
            return np.hstack([1 - outputs, outputs])
        return outputs

    def decoded(self, probabilities: np.ndarray) -> np.ndarray:
        """Return the classes [N] that probabilities [N, K] favour; zeros and ones [N, K]."""
        if self.multilabel:
            return (probabilities > 0.5).astype(int)
        return self.classes[probabilities.argmax(axis=1)]
