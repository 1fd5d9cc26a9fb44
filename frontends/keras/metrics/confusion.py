"""Counts of right and wrong answers at thresholds, precision, recall, and points on curves."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.keras import ops
from graphc.keras.metrics.metric import Metric
from graphc.keras.metrics.thresholds import NEVER, Counts, confusion_counts, parse_thresholds


class ThresholdCounts(Metric):
    """Keeps some of the four counts, each [T], over all batches."""

    kept: ClassVar[tuple[str, ...]] = Counts._fields

    def __init__(
        self,
        thresholds: list[float],
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        self.thresholds = thresholds
        self.top_k, self.class_id = top_k, class_id
        for kind in self.kept:
            setattr(self, kind, self.add_variable((len(thresholds),), name=kind))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of labels and scores [B, ...], weighted by [B] or by entry."""
        counts = confusion_counts(
            y_true,
            y_pred,
            self.thresholds,
            dtype=self._variables[0].dtype,
            sample_weight=sample_weight,
            top_k=self.top_k,
            class_id=self.class_id,
        )
        for kind in self.kept:
            getattr(self, kind).assign_add(getattr(counts, kind))

    def _one_or_all(self, result: Any) -> Any:
        return result[0] if len(self.thresholds) == 1 else result


class _CountAtThresholds(Metric):
    kind: ClassVar[str]

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = parse_thresholds(thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), name="accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of labels and scores [B, ...], weighted by [B] or by entry."""
        dtype = self.accumulator.dtype
        counts = confusion_counts(
            y_true, y_pred, self.thresholds, dtype=dtype, sample_weight=sample_weight
        )
        self.accumulator.assign_add(getattr(counts, self.kind))

    def result(self) -> Any:
        """Return the count: a scalar for one threshold, else [T]."""
        return self.accumulator[0] if len(self.thresholds) == 1 else self.accumulator.value

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {"thresholds": self.init_thresholds}


class TruePositives(_CountAtThresholds):
    """The (weighted) number of positives that score above each threshold."""

    kind = "true_positives"


class FalsePositives(_CountAtThresholds):
    """The (weighted) number of negatives that score above each threshold."""

    kind = "false_positives"


class TrueNegatives(_CountAtThresholds):
    """The (weighted) number of negatives that do not score above each threshold."""

    kind = "true_negatives"


class FalseNegatives(_CountAtThresholds):
    """The (weighted) number of positives that do not score above each threshold."""

    kind = "false_negatives"


class _Share(ThresholdCounts):
    """The share of the first count that is kept in the sum of both."""

    _direction = "up"

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        default = 0.5 if top_k is None else NEVER
        super().__init__(parse_thresholds(thresholds, default), top_k, class_id, name, dtype)
        self.init_thresholds = thresholds

    def result(self) -> Any:
        """Return the share: a scalar for one threshold, else [T]."""
        right, wrong = (getattr(self, kind) for kind in self.kept)
        return self._one_or_all(ops.divide_no_nan(right, right + wrong))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {
            "thresholds": self.init_thresholds,
            "top_k": self.top_k,
            "class_id": self.class_id,
        }


class Precision(_Share):
    """The share of the positive predictions that are right."""

    kept = ("true_positives", "false_positives")


class Recall(_Share):
    """The share of the positives that are found."""

    kept = ("true_positives", "false_negatives")


class _BestUnderConstraint(ThresholdCounts):
    """The best rate over all thresholds where another rate is at least the wanted one."""

    _direction = "up"
    constrained: ClassVar[tuple[str, str]]
    reported: ClassVar[tuple[str, str]]
    wanted: ClassVar[str]

    def __init__(
        self,
        value: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        if not 0 <= value <= 1:
            raise ValueError(
                f"Argument `{self.wanted}` must be in the range [0, 1]. "
                f"Received: {self.wanted}={value}"
            )
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. "
                f"Received: num_thresholds={num_thresholds}"
            )
        inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
        thresholds = [0.5] if num_thresholds == 1 else [0.0, *inner, 1.0]
        super().__init__(thresholds, None, class_id, name, dtype)
        self.value, self.num_thresholds = value, num_thresholds

    def result(self) -> Any:
        """Return the best rate, zero where no threshold meets the constraint."""
        reported, constrained = self._rate(self.reported), self._rate(self.constrained)
        return ops.max(ops.where(constrained >= self.value, reported, 0.0))

    def _rate(self, kinds: tuple[str, str]) -> Any:
        right, wrong = (getattr(self, kind) for kind in kinds)
        return ops.divide_no_nan(right, right + wrong)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {
            "class_id": self.class_id,
            "num_thresholds": self.num_thresholds,
            self.wanted: self.value,
        }


_SENSITIVITY = ("true_positives", "false_negatives")
_SPECIFICITY = ("true_negatives", "false_positives")
_PRECISION = ("true_positives", "false_positives")


class SensitivityAtSpecificity(_BestUnderConstraint):
    """The best sensitivity where the specificity is at least `specificity`."""

    wanted, constrained, reported = "specificity", _SPECIFICITY, _SENSITIVITY

    def __init__(
        self,
        specificity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(specificity, num_thresholds, class_id, name, dtype)
        self.specificity = specificity


class SpecificityAtSensitivity(_BestUnderConstraint):
    """The best specificity where the sensitivity is at least `sensitivity`."""

    wanted, constrained, reported = "sensitivity", _SENSITIVITY, _SPECIFICITY

    def __init__(
        self,
        sensitivity: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)
        self.sensitivity = sensitivity


class PrecisionAtRecall(_BestUnderConstraint):
    """The best precision where the recall is at least `recall`."""

    wanted, constrained, reported = "recall", _SENSITIVITY, _PRECISION

    def __init__(
        self,
        recall: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(recall, num_thresholds, class_id, name, dtype)
        self.recall = recall


class RecallAtPrecision(_BestUnderConstraint):
    """The best recall where the precision is at least `precision`."""

    wanted, constrained, reported = "precision", _PRECISION, _SENSITIVITY

    def __init__(
        self,
        precision: float,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(precision, num_thresholds, class_id, name, dtype)
        self.precision = precision
