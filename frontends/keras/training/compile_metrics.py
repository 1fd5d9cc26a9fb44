"""`CompileMetrics`: the `metrics` and `weighted_metrics` of `compile`, for all outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphc.keras import metrics as metrics_module
from graphc.keras import ops
from graphc.keras.engine.opaque import open_or_opaque
from graphc.keras.engine.settings import is_int_dtype
from graphc.keras.engine.structure import flatten
from graphc.keras.engine.variable import Variable
from graphc.keras.losses.reduction import align_leading
from graphc.keras.metrics import MeanMetricWrapper, Metric
from graphc.keras.metrics.stateless import StatelessState
from graphc.keras.training.by_shape import (
    ACCURACY_NAMES,
    CROSSENTROPY_NAMES,
    asks_for,
    kind_of_classes,
)
from graphc.keras.training.compile_loss import object_name
from graphc.keras.training.targets import is_flat, is_nested, names_of, outline

ACCURACIES = {
    "binary": metrics_module.BinaryAccuracy,
    "sparse": metrics_module.SparseCategoricalAccuracy,
    "categorical": metrics_module.CategoricalAccuracy,
}
CROSSENTROPIES = {
    "binary": metrics_module.BinaryCrossentropy,
    "sparse": metrics_module.SparseCategoricalCrossentropy,
    "categorical": metrics_module.CategoricalCrossentropy,
}


def resolve_metric(identifier: Any, y_true: Any, y_pred: Any) -> Metric:
    """Return the metric for a name, function or object; shapes decide "accuracy" and its like.

    A metric asked for by a string is reported under that very string.

    Raises:
        ValueError: None, or an unknown name.
    """
    if identifier is None:
        raise ValueError("Expected a metric, its name or a function. Received: None")
    if asks_for(identifier, ACCURACY_NAMES):
        found: Any = ACCURACIES[kind_of_classes(y_true, y_pred)](name=identifier)
    elif asks_for(identifier, CROSSENTROPY_NAMES):
        found = CROSSENTROPIES[kind_of_classes(y_true, y_pred)](name=identifier)
    else:
        found = metrics_module.get(identifier)
    name = identifier if isinstance(identifier, str) else object_name(found)
    metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    metric.name = name
    return metric


@dataclass(frozen=True)
class _OfOutput:
    """The metrics of one output; `output_name` goes before their names."""

    metrics: tuple[Metric, ...]
    output_name: str | None = None


class CompileMetrics(StatelessState):
    """All metrics of a model, gathered over batches.

    Args:
        metrics: a list (one output) of names, functions or `Metric` objects; or, for several
            outputs, a list or dict (by output name) of such lists.
        weighted_metrics: the same, for metrics that sample weights apply to.
        output_names: the model's names of its outputs, in their order.

    The metrics are resolved by the first batch, which shows the shapes.
    """

    def __init__(
        self, metrics: Any, weighted_metrics: Any, output_names: Sequence[str] | None = None
    ) -> None:
        given = {"metrics": metrics, "weighted_metrics": weighted_metrics}
        for argument, value in given.items():
            if value and not is_nested(value):
                raise ValueError(
                    f"Expected `{argument}` argument to be a list, tuple, or dict. "
                    f"Received: {argument}={value} of type {type(value)}"
                )
        self.name = "compile_metrics"
        self.built = False
        self.output_names = list(output_names) if output_names else None
        self._given = given
        self._order: list[str] | None = None
        self._plain: list[_OfOutput | None] = []
        self._weighted: list[_OfOutput | None] = []

    @property
    def metrics(self) -> list[Metric]:
        """Every metric: the unweighted ones first, output by output."""
        sets = [*self._plain, *self._weighted]
        return [metric for of_output in sets if of_output for metric in of_output.metrics]

    @property
    def variables(self) -> list[Variable]:
        """The state of every metric."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def build(self, y_true: Any, y_pred: Any) -> None:
        """Resolve names by the shapes of targets and outputs.

        Raises:
            ValueError: the metrics do not match the outputs, or a name is unknown.
        """
        names = names_of(y_pred, self.output_names)
        several = len(flatten(y_pred)) > 1
        self._order = names if several and is_flat(y_pred) else None
        plain = self._resolve("metrics", y_true, y_pred, names)
        self._weighted = self._resolve("weighted_metrics", y_true, y_pred, names)
        self._plain = plain
        self.built = True

    def update_state(
        self, y_true: Any, y_pred: Any, sample_weight: Any = None, valid: Any = None
    ) -> None:
        """Add one batch.

        Args:
            y_true: targets in the structure of the outputs, or a dict by output name.
            y_pred: the outputs.
            sample_weight: None, weights for all outputs, or a list or dict of them.
            valid: None, or one for each real row and zero for each row of padding [B]: the
                metrics see the real rows alone.
        """
        if not self.built:
            self.build(y_true, y_pred)
        targets, outputs = self._flat(y_true), self._flat(y_pred)
        self._check_targets(targets, outputs)
        weights = [None] if sample_weight is None else self._flat(sample_weight)
        if len(weights) < len(outputs):
            weights = [weights[0]] * len(outputs)
        for of_output, target, output in zip(self._plain, targets, outputs, strict=False):
            _update(of_output, target, output, None, valid)
        for of_output, target, output, weight in zip(
            self._weighted, targets, outputs, weights, strict=False
        ):
            _update(of_output, target, output, weight, valid)

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    def result(self) -> dict[str, Any]:
        """Return every result by its name in the history, in Keras's order.

        Raises:
            ValueError: no batch was seen.
        """
        if not self.built:
            raise ValueError("The metrics have no result before the first batch.")
        results: dict[str, Any] = {}
        seen: Counter[str] = Counter()
        for of_output, metric in _each(self._plain):
            name = _numbered(_prefixed(of_output, metric.name), seen)
            results[name] = _result_of(metric)
        for of_output, metric in _each(self._weighted):
            name = _prefixed(of_output, metric.name)
            if name in seen:
                name = _prefixed(of_output, f"weighted_{metric.name}")
            results[_numbered(name, seen)] = _result_of(metric)
        return results

    def _flat(self, structure: Any) -> list[Any]:
        if isinstance(structure, dict) and self._order is not None:
            return [structure.get(name) for name in self._order]
        return flatten(structure)

    def _check_targets(self, targets: list[Any], outputs: list[Any]) -> None:
        if len(targets) == len(outputs) or not self.metrics:
            return
        raise ValueError(
            f"Metrics need one target for each of the {len(outputs)} outputs"
            f"{self._for_outputs()}. Received: {len(targets)} targets"
        )

    def _for_outputs(self) -> str:
        return f" {self.output_names}" if self.output_names else ""

    def _resolve(
        self, argument: str, y_true: Any, y_pred: Any, names: list[str] | None
    ) -> list[_OfOutput | None]:
        """Return the metrics of each output, in the order of `_flat`."""
        given, outputs = self._given[argument], self._flat(y_pred)
        if not given:
            return [None] * len(outputs)
        targets = self._flat(y_true)
        if len(outputs) == 1:
            return [_of_output(flatten(given), targets[0], outputs[0], None)]
        self._check_some_targets(targets, outputs, argument)
        by_output = self._by_output(argument, y_pred, names)
        labels = names or [None] * len(outputs)
        try:
            return [
                _of_output(*entry)
                for entry in zip(by_output, targets, outputs, labels, strict=True)
            ]
        except ValueError as error:
            raise ValueError(f"{error} Received: {argument}={given}") from error

    def _check_some_targets(self, targets: list[Any], outputs: list[Any], argument: str) -> None:
        if len(targets) != len(outputs):
            raise ValueError(
                f"`{argument}` needs one target for each of the {len(outputs)} outputs"
                f"{self._for_outputs()}. Received: {len(targets)} targets"
            )

    def _by_output(self, argument: str, y_pred: Any, names: list[str] | None) -> list[Any]:
        """Return what the user gave for each output, in the order of `_flat`."""
        given, count = self._given[argument], len(flatten(y_pred))
        if not is_flat(y_pred):
            found: list[Any] = []
            if _collect(given, y_pred, found):
                return found
            raise self._mismatch(argument, y_pred)
        if isinstance(given, (list, tuple)) and len(given) == count:
            return list(given)
        if isinstance(given, dict) and names and set(given) <= set(names):
            return [given.get(name) for name in names]
        raise self._mismatch(argument, y_pred)

    def _mismatch(self, argument: str, y_pred: Any) -> ValueError:
        named = (
            f" (a dict may use the output names {self.output_names})" if self.output_names else ""
        )
        return ValueError(
            f"Expected `{argument}` to be a list or dict with the metrics of each output, like the "
            f"outputs {outline(y_pred)}{named}. Received: {argument}={self._given[argument]}"
        )


def _of_output(given: Any, y_true: Any, y_pred: Any, output_name: str | None) -> _OfOutput | None:
    if given is None:
        return None
    items = given if isinstance(given, (list, tuple)) else [given]
    if items and y_true is None:
        raise ValueError(f"The output {output_name!r} has metrics but no target.")
    found = tuple(resolve_metric(item, y_true, y_pred) for item in items)
    return _OfOutput(found, output_name)


def _collect(given: Any, outputs: Any, found: list[Any]) -> bool:
    """Add what is given for each leaf of `outputs` to `found`; False where it does not fit."""
    if not is_nested(outputs):
        found.append(given)
        return True
    if isinstance(outputs, dict):
        fits = isinstance(given, dict) and set(given) == set(outputs)
        return fits and all(_collect(given[key], outputs[key], found) for key in sorted(outputs))
    fits = isinstance(given, (list, tuple)) and len(given) == len(outputs)
    return fits and all(_collect(a, b, found) for a, b in zip(given, outputs, strict=True))


def _update(
    of_output: _OfOutput | None, y_true: Any, y_pred: Any, sample_weight: Any, valid: Any
) -> None:
    if of_output is None:
        return
    for metric in of_output.metrics:
        if valid is None:
            _run_update(metric, y_true, y_pred, sample_weight)
        elif isinstance(metric, MeanMetricWrapper) and _has_our_update(metric):
            metric.update_state(y_true, y_pred, sample_weight=sample_weight, valid=valid)
        else:
            _run_update(metric, y_true, y_pred, _valid_weight(metric, sample_weight, valid))


def _run_update(metric: Metric, y_true: Any, y_pred: Any, sample_weight: Any) -> None:
    """Update a metric, which may be the user's own in raw `jax.numpy`."""

    def update(y_true: Any, y_pred: Any, sample_weight: Any) -> tuple[()]:
        metric.update_state(y_true, y_pred, sample_weight=sample_weight)
        return ()

    open_or_opaque(update, (y_true, y_pred, sample_weight), {}, metric.variables, metric.name)


def _result_of(metric: Metric) -> Any:
    return open_or_opaque(metric.result, (), {}, metric.variables, metric.name)


def _has_our_update(metric: Metric) -> bool:
    return type(metric).update_state is MeanMetricWrapper.update_state


def _valid_weight(metric: Metric, sample_weight: Any, valid: Any) -> Any:
    """Return sample weights that are zero for rows of padding."""
    if sample_weight is None:
        return ops.cast(valid, metric.dtype) if is_int_dtype(metric.dtype) else valid
    sample_weight = ops.convert_to_tensor(sample_weight)
    return sample_weight * ops.cast(align_leading(valid, sample_weight), sample_weight.dtype)


def _each(sets: list[_OfOutput | None]) -> list[tuple[_OfOutput, Metric]]:
    return [(of_output, metric) for of_output in sets if of_output for metric in of_output.metrics]


def _prefixed(of_output: _OfOutput, name: str) -> str:
    return f"{of_output.output_name}_{name}" if of_output.output_name else name


def _numbered(name: str, seen: Counter[str]) -> str:
    """Return the name, with a number if it was seen before, and count it."""
    count = seen[name]
    seen[name] += 1
    return f"{name}_{count}" if count else name
