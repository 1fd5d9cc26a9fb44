"""Losses and metrics under a validity vector are proved to leave rows of padding out."""

import numpy as np
import pytest

from graphc.keras import losses, metrics
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.training.compile_loss import CompileLoss
from graphc.keras.training.compile_metrics import CompileMetrics
from graphc.kernels.registry import TensorSpec
from graphc.separable import mixing_node
from tests.keras.losses.test_loss_oracle import BY_ROW
from tests.keras.metrics.test_metric_oracle import CASES, batches

WHOLE_BATCH = ("Hinge", "SquaredHinge")  # whether labels are 0 and 1 is asked of all of them
SHORT = {"float64": "float32", "int64": "int32"}


def mixing(state, y_true, y_pred, emit):
    """The op that mixes rows in what `emit(scope, targets, outputs, weights, valid)` updates."""
    scope = TraceScope(state=state)
    dtypes = [SHORT.get(str(y.dtype), str(y.dtype)) for y in (y_true, y_pred)]
    rows = (y_true.shape[0],)
    specs = [TensorSpec(y_true.shape, dtypes[0]), TensorSpec(y_pred.shape, dtypes[1])]
    specs += [TensorSpec(rows, "float32"), TensorSpec(rows, "float32")]
    symbols = [scope.input(spec) for spec in specs]
    with entered(scope):
        totals = emit(*symbols)
    graph = scope.builder.finish([], [total.value for total in totals] + scope.updates())
    batch = frozenset(symbol.value for symbol in symbols[:3])
    node = mixing_node(graph, batch, symbols[3].value)
    return None if node is None else node.op


LOSSES = [(name, kwargs, pairs) for name, kwargs, pairs in BY_ROW if name not in WHOLE_BATCH]


@pytest.mark.parametrize(
    ("name", "kwargs", "pairs"), LOSSES, ids=[f"{name}-{kwargs}" for name, kwargs, _ in LOSSES]
)
def test_losses(name, kwargs, pairs):
    for y_true, y_pred in pairs:
        loss = CompileLoss(getattr(losses, name)(**kwargs), None, ["out"])

        def emit(target, output, weight, valid, loss=loss, y_true=y_true):
            return [loss(target, output, weight if y_true.ndim < 3 else None, mask=valid)]

        assert mixing([], y_true, np.asarray(y_pred), emit) is None


METRICS = [
    (name, kwargs, pairs[0])
    for name, kwargs, pairs in CASES
    if name not in WHOLE_BATCH and "IoU" not in name
]


@pytest.mark.parametrize(
    ("name", "kwargs", "pair"), METRICS, ids=[f"{name}-{kwargs}" for name, kwargs, _ in METRICS]
)
def test_metrics(name, kwargs, pair):
    y_true, y_pred = batches(pair)[0]
    plain, weighted = ([getattr(metrics, name)(**kwargs)] for _ in range(2))
    compiled = CompileMetrics(plain, weighted, ["out"])
    compiled.update_state(y_true, y_pred)

    def emit(target, output, weight, valid):
        compiled.update_state(target, output, weight, valid=valid)
        return []

    assert mixing(compiled.variables, y_true, y_pred, emit) is None


def test_a_metric_of_the_whole_batch_is_found_out():
    y_true, y_pred = np.zeros((4, 2), "float32"), np.ones((4, 2), "float32")
    worst = CompileMetrics([lambda a, b: abs(a - b)[0, 0]], None, ["out"])
    worst.update_state(y_true, y_pred)

    def emit(target, output, weight, valid):
        worst.update_state(target, output, valid=valid)
        return []

    assert mixing(worst.variables, y_true, y_pred, emit) == "shape.getitem"
