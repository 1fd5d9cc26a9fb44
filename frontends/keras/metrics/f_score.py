"""The F-scores: harmonic means of precision and recall."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon
from graphc.keras.metrics.metric import Metric
from graphc.keras.metrics.regression import check_matrices

AVERAGES = (None, "micro", "macro", "weighted")


class FBetaScore(Metric):
    """The weighted harmonic mean of precision and recall, for each class or averaged.

    Args:
        average: None for one score a class, "micro" (counts summed over classes), "macro" (the
            mean of the classes) or "weighted" (by the number of targets of each class).
        beta: how much recall weighs against precision.
        threshold: what scores must exceed to be positive; None makes the best class positive.

    Raises:
        ValueError: an argument of another type or range.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if average not in AVERAGES:
            raise ValueError(
                f"Invalid `average` argument value. Expected one of {AVERAGES}. "
                f"Received: average={average!r}"
            )
        if not isinstance(beta, float) or beta <= 0.0:
            raise ValueError(
                f"Invalid `beta` argument value. Expected a float > 0. Received: beta={beta!r}"
            )
        if threshold is not None and not (isinstance(threshold, float) and 0 < threshold <= 1):
            raise ValueError(
                "Invalid `threshold` argument value. Expected a float in (0, 1] or None. "
                f"Received: threshold={threshold!r}"
            )
        self.average, self.beta, self.threshold = average, beta, threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true: Any, y_pred: Any) -> None:
        check_matrices(type(self).__name__, y_true, y_pred)
        shape = () if self.axis is None else (y_pred.shape[-1],)
        for kind in (
            "true_positives",
            "false_positives",
            "false_negatives",
            "intermediate_weights",
        ):
            setattr(self, kind, self.add_variable(shape, dtype=self.dtype, name=kind))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add one batch of 0/1 targets and scores [B, C], weighted by [B]."""
        y_true = ops.cast(ops.convert_to_tensor(y_true), self.dtype)
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), self.dtype)
        if not self._built:
            self._build(y_true, y_pred)
        said = ops.cast(self._positive(y_pred), self.dtype)
        counts = {
            "true_positives": said * y_true,
            "false_positives": said * (1 - y_true),
            "false_negatives": (1 - said) * y_true,
            "intermediate_weights": y_true,
        }
        for kind, count in counts.items():
            getattr(self, kind).assign_add(self._weighted_sum(count, sample_weight))

    def _positive(self, y_pred: Any) -> Any:
        if self.threshold is not None:
            return y_pred > self.threshold
        best = ops.max(y_pred, axis=-1, keepdims=True)
        return ops.logical_and(y_pred >= best, ops.abs(y_pred) > 1e-9)

    def _weighted_sum(self, count: Any, sample_weight: Any) -> Any:
        if sample_weight is not None:
            weight = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            weight = ops.expand_dims(weight, 1) if len(weight.shape) == 1 else weight
            count = count * weight
        return ops.sum(count, axis=self.axis)

    def result(self) -> Any:
        """Return the score, a scalar or (without averaging) [C]."""
        hits = self.true_positives
        precision = hits / (hits + self.false_positives + epsilon())
        recall = hits / (hits + self.false_negatives + epsilon())
        weighted = self.beta**2 * precision + recall
        score = precision * recall / (weighted + epsilon()) * (1 + self.beta**2)
        if self.average == "weighted":
            total = ops.sum(self.intermediate_weights) + epsilon()
            return ops.sum(score * (self.intermediate_weights / total))
        return score if self.average is None else ops.mean(score)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return super().get_config() | {
            "average": self.average,
            "beta": self.beta,
            "threshold": self.threshold,
        }


class F1Score(FBetaScore):
    """The harmonic mean of precision and recall, for each class or averaged."""

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that `from_config` needs."""
        return {key: value for key, value in super().get_config().items() if key != "beta"}
