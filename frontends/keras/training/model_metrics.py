"""The metrics of a model: those of `compile`, and those that its layers hold."""

from __future__ import annotations

import warnings
from typing import Any

from graphc.keras.metrics import Mean, Metric
from graphc.keras.training.compile_loss import CompileLoss
from graphc.keras.training.compile_metrics import CompileMetrics


class _CompiledMetrics:
    def __init__(self, metrics: CompileMetrics | None) -> None:
        self._metrics = metrics

    def update_state(self, y: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Update the metrics; deprecated, for the metrics of `model.metrics` can be updated."""
        warnings.warn(
            "`model.compiled_metrics` is deprecated. Call `self.compute_metrics(x, y, y_pred)`, or "
            "update each metric of `self.metrics`.",
            stacklevel=2,
        )
        if self._metrics is not None:
            self._metrics.update_state(y, y_pred, sample_weight)


class ModelMetrics:
    """Lists, resets and reads a model's metrics."""

    compiled: bool
    run_eagerly: bool
    _compile_loss: CompileLoss | None
    _compile_metrics: CompileMetrics | None
    _loss_tracker: Mean | None
    _metric_attributes: list[Metric]

    @property
    def metrics(self) -> list[Any]:
        """The loss tracker, the metrics of `compile`, those of single outputs, and layers' own."""
        found: list[Any] = []
        if self.compiled:
            found.append(self._loss_tracker)
            found += [self._compile_metrics] if self._compile_metrics is not None else []
            found += self._compile_loss.metrics if self._compile_loss is not None else []
        return found + self._metric_attributes

    @property
    def compiled_metrics(self) -> _CompiledMetrics:
        """The metrics of `compile` as steps written for older versions of Keras update them."""
        return _CompiledMetrics(self._compile_metrics)

    @property
    def metrics_names(self) -> list[str]:
        """The names of `metrics`."""
        return [metric.name for metric in self.metrics]

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the results of all metrics by name."""
        results: dict[str, Any] = {}
        for metric in self.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def reset_metrics(self) -> None:
        """Set all metrics to their start."""
        for metric in self.metrics:
            metric.reset_state()

    def _leaf_metrics(self) -> list[Metric]:
        return [one for metric in self.metrics for one in getattr(metric, "metrics", [metric])]

    def _zeroed_by_start(self) -> list[Any]:
        """Return the metric state that a compiled run zeroes by itself when it starts afresh."""
        plain = [m for m in self._leaf_metrics() if type(m).reset_state is Metric.reset_state]
        return [variable for metric in plain for variable in metric.variables]

    def _start_metrics(self) -> None:
        """Reset what a run that starts afresh does not zero by itself."""
        for metric in self._leaf_metrics():
            if self.run_eagerly or type(metric).reset_state is not Metric.reset_state:
                metric.reset_state()
