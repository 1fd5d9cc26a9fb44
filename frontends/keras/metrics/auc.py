"""The area under a curve over all thresholds."""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.metrics.metric import Metric
from graphc.keras.metrics.thresholds import Counts, confusion_counts


class AUCCurve(Enum):
    """The curve: of true against false positive rate, or of precision against recall."""

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"


class AUCSummationMethod(Enum):
    """The height between two thresholds: the mean, or the smaller or larger of the ends."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


class AUC(Metric):
    """The area under the ROC (or precision-recall) curve, approximated at `num_thresholds`.

    Args:
        num_thresholds: how many thresholds, two of them just outside [0, 1].
        curve: "ROC", "PR" or "PRGAIN".
        summation_method: "interpolation", "majoring" or "minoring".
        thresholds: inner thresholds in place of evenly spaced ones.
        multi_label: whether each column of scores [B, L] has its own curve; the result is the mean.
        num_labels: L, where it is known.
        label_weights: [L] weights of the columns.
        from_logits: whether scores are logits.

    Raises:
        ValueError: an unknown curve or summation method, fewer than two thresholds, `num_labels`
            without `multi_label`, or scores of another rank than two with it.

    Source: Davis and Goadrich, "The Relationship Between Precision-Recall and ROC Curves", 2006;
    Flach and Kull, "Precision-Recall-Gain Curves", 2015.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str | AUCCurve = "ROC",
        summation_method: str | AUCSummationMethod = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Any = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.curve = _member(AUCCurve, curve, "curve")
        self.summation_method = _member(AUCSummationMethod, summation_method, "summation_method")
        self._inner = _inner_thresholds(num_thresholds, thresholds)
        self._given_thresholds = thresholds is not None
        self.num_thresholds = len(self._inner) + 2
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = label_weights
        self._from_logits = from_logits
        self._built = False
        if num_labels and not multi_label:
            raise ValueError(
                "`num_labels` is used only with `multi_label=True`. "
                f"Received: num_labels={num_labels}, multi_label={multi_label}"
            )
        if not multi_label or num_labels:
            self._build((None, num_labels))

    @property
    def thresholds(self) -> list[float]:
        """All thresholds, the first below zero and the last above one."""
        return [0.0 - epsilon(), *self._inner, 1.0 + epsilon()]

    def _build(self, shape: Any) -> None:
        if self.multi_label and len(shape) != 2:
            raise ValueError(
                "With `multi_label=True` predictions must have shape (batch_size, num_labels). "
                f"Received: y_pred.shape={tuple(shape)}"
            )
        shape = (self.num_thresholds, *((shape[1],) if self.multi_label else ()))
        for kind in ("true_positives", "false_positives", "true_negatives", "false_negatives"):
            setattr(self, kind, self.add_variable(shape, name=kind))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of labels and scores [B, ...], weighted by [B] or by entry."""
        y_pred = ops.convert_to_tensor(y_pred)
        if not self._built:
            self._build(y_pred.shape)
        if self._from_logits:
            y_pred = ops.sigmoid(y_pred)
        counts = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            dtype=self._variables[0].dtype,
            sample_weight=sample_weight,
            multi_label=self.multi_label,
            label_weights=None if self.multi_label else self.label_weights,
        )
        for kind, count in counts._asdict().items():
            getattr(self, kind).assign_add(count)

    def result(self) -> Any:
        """Return the area, a scalar."""
        counts = Counts(*(ops.convert_to_tensor(getattr(self, kind)) for kind in Counts._fields))
        precise = self.summation_method is AUCSummationMethod.INTERPOLATION
        if self.curve is AUCCurve.PR and precise:
            return self._over_labels(_precision_recall_area(counts))
        x, y = CURVES[self.curve](counts)
        heights = HEIGHTS[self.summation_method](y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _over_labels(self, pieces: Any) -> Any:
        """Return the area of pieces [T - 1] or [T - 1, L]."""
        if not self.multi_label:
            return ops.sum(pieces)
        areas = ops.sum(pieces, axis=0)  # [L]
        if self.label_weights is None:
            return ops.mean(areas)
        weights = ops.convert_to_tensor(self.label_weights, dtype=areas.dtype)
        return ops.divide_no_nan(ops.sum(areas * weights), ops.sum(weights))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        config = super().get_config() | {
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self._from_logits,
        }
        return config | ({"thresholds": self._inner} if self._given_thresholds else {})


def _member(kind: type[Enum], value: Any, argument: str) -> Any:
    if isinstance(value, kind):
        return value
    for member in kind:
        if str(value).lower() == member.value.lower():
            return member
    expected = [member.value for member in kind]
    raise ValueError(
        f"Invalid value for argument `{argument}`. Expected one of {expected}. Received: {value!r}"
    )


def _inner_thresholds(num_thresholds: int, thresholds: Any) -> list[float]:
    if thresholds is not None:
        return sorted(float(np.float64(t)) for t in thresholds)
    if num_thresholds <= 1:
        raise ValueError(
            "Argument `num_thresholds` must be an integer > 1. "
            f"Received: num_thresholds={num_thresholds}"
        )
    return [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]


def _recall(counts: Counts) -> Any:
    hits = counts.true_positives
    return ops.divide_no_nan(hits, hits + counts.false_negatives)


def _roc(counts: Counts) -> tuple[Any, Any]:
    false = counts.false_positives
    return ops.divide_no_nan(false, false + counts.true_negatives), _recall(counts)


def _precision_recall(counts: Counts) -> tuple[Any, Any]:
    hits = counts.true_positives
    return _recall(counts), ops.divide_no_nan(hits, hits + counts.false_positives)


def _precision_recall_gain(counts: Counts) -> tuple[Any, Any]:
    hits, false_alarms, silent, missed = counts
    odds = ops.divide_no_nan(hits + missed, silent + false_alarms)
    none = ops.equal(hits, 0.0)
    recall = ops.where(none, 0.0, 1.0 - odds * ops.divide_no_nan(missed, hits))
    precision = ops.where(none, 1.0, 1.0 - odds * ops.divide_no_nan(false_alarms, hits))
    return ops.maximum(recall, 0.0), precision


CURVES = {
    AUCCurve.ROC: _roc,
    AUCCurve.PR: _precision_recall,
    AUCCurve.PRGAIN: _precision_recall_gain,
}
HEIGHTS = {
    AUCSummationMethod.INTERPOLATION: lambda left, right: (left + right) / 2.0,
    AUCSummationMethod.MINORING: ops.minimum,
    AUCSummationMethod.MAJORING: ops.maximum,
}


def _precision_recall_area(counts: Counts) -> Any:
    """Return the exact area between thresholds, where hits grow linearly with positives.

    Precision is not linear between two points, its numerator and denominator are: with
    `hits = slope * positives + intercept` the integral has a closed form.
    """
    hits = counts.true_positives
    positives = hits + counts.false_positives
    gained = hits[:-1] - hits[1:]
    slope = ops.divide_no_nan(gained, ops.maximum(positives[:-1] - positives[1:], 0))
    intercept = hits[1:] - slope * positives[1:]
    both = ops.logical_and(positives[:-1] > 0, positives[1:] > 0)
    ratio = ops.divide_no_nan(positives[:-1], ops.maximum(positives[1:], 0))
    ratio = ops.where(both, ratio, 1.0)
    total = ops.maximum(hits[1:] + counts.false_negatives[1:], 0)
    return ops.divide_no_nan(slope * (gained + intercept * ops.log(ratio)), total)
