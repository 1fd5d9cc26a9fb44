"""What a metric tracks, takes and refuses, and its stateless forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import losses, metrics, ops
from graphc.keras.engine.scope import TraceScope, entered
from graphc.kernels.registry import TensorSpec


class Both(metrics.Metric):
    """Two metrics and a weight of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.parts = [metrics.Mean(), metrics.Sum()]
        self.seen = self.add_weight(name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        error = ops.abs(y_true - y_pred)
        for part in self.parts:
            part.update_state(error, sample_weight)
        self.seen.assign_add(1.0)

    def result(self):
        return {"mean": self.parts[0].result(), "sum": self.parts[1].result(), "seen": self.seen}


def test_own_metric_with_metrics_inside():
    metric = Both(name="both")
    assert [v.path for v in metric.variables] == [
        "both/seen",
        "mean/total",
        "mean/count",
        "sum/total",
    ]
    result = metric(np.zeros(4), np.ones(4))
    assert {key: float(value) for key, value in result.items()} == {"mean": 1, "sum": 4, "seen": 1}
    metric.reset_state()
    assert all(float(variable) == 0 for variable in metric.variables)


def test_stateless_forms_leave_the_metric_alone():
    metric = metrics.MeanSquaredError()
    state = metric.stateless_reset_state()

    @jax.jit
    def step(state, y_true, y_pred):
        return metric.stateless_update_state(state, y_true, y_pred)

    for _ in range(2):
        state = step(state, jnp.zeros((3, 2)), 2 * jnp.ones((3, 2)))
    assert metric.stateless_result(state) == 4.0
    assert state[1] == 6.0
    assert metric.count.numpy() == 0.0
    with pytest.raises(ValueError, match=r"expected 2.*Received: 1"):
        metric.stateless_result(state[:1])


@pytest.mark.parametrize("metric", [metrics.AUC(), metrics.F1Score(), metrics.Precision(top_k=1)])
def test_traces_into_one_graph(metric):
    metric.update_state(np.eye(3)[:2], np.eye(3)[1:])  # makes the state of those built lazily
    metric.reset_state()
    scope = TraceScope(state=metric.variables)
    with entered(scope):
        batch = [scope.input(TensorSpec((4, 3), "float32")) for _ in range(2)]
        metric.update_state(*batch, scope.input(TensorSpec((4,), "float32")))
        graph = scope.builder.finish([metric.result().value], scope.updates())
    assert len(graph.updates) == len(metric.variables)
    assert all(np.all(variable.numpy() == 0) for variable in metric.variables)


def test_functions_and_loss_objects_as_metrics():
    y_true, y_pred = np.zeros((4, 2)), np.ones((4, 2)) * [[1], [1], [3], [9]]
    valid = jnp.array([1.0, 1, 1, 0])
    by_row = metrics.MeanMetricWrapper(losses.mean_absolute_error, name="mae")
    by_row.update_state(y_true, y_pred, valid=valid)
    assert np.isclose(by_row.result(), 5 / 3)
    whole = metrics.MeanMetricWrapper(losses.MeanAbsoluteError())
    whole.update_state(y_true, y_pred, valid=valid)
    assert np.isclose(whole.result(), 5 / 3)
    assert whole.count.numpy() == 1.0
    scalar = metrics.MeanMetricWrapper(lambda a, b: ops.max(ops.abs(a - b)))
    assert scalar(y_true, y_pred) == 9.0
    with pytest.raises(ValueError, match="one number for a whole batch"):
        scalar.update_state(y_true, y_pred, np.ones(4))


def test_ignored_class_and_padding_do_not_mix():
    y_true, y_pred = np.array([0, 1, 2, 0]), np.full((4, 3), 1 / 3, "float32")
    plain = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    plain.update_state(y_true[:3], y_pred[:3])
    padded = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    padded.update_state(y_true, y_pred, valid=jnp.array([1, 1, 1, 0]))
    assert np.isclose(plain.result(), padded.result())


def test_weights_of_rows_reach_inner_axes():
    y_true = np.array([[0, 1], [1, 1]])
    metric = metrics.MeanIoU(2)
    metric.update_state(y_true, y_true, np.array([1, 0]))
    assert metric.total_cm.numpy().tolist() == [[1, 0], [0, 1]]
    counted = metrics.TruePositives()
    counted.update_state(np.ones((2, 3, 4)), np.ones((2, 3, 4)), np.array([1.0, 0.0]))
    assert counted.result() == 12.0


REFUSED = [
    (lambda: metrics.get("accuraccy"), "accuracy"),
    (lambda: metrics.get(3), "Received: 3"),
    (lambda: metrics.AUC(curve="RC"), "curve.*ROC.*Received: 'RC'"),
    (lambda: metrics.AUC(num_thresholds=1), "num_thresholds"),
    (lambda: metrics.AUC(num_labels=2), "multi_label"),
    (lambda: metrics.Precision(thresholds=[0.1, 2]), r"\[0, 1\].*\[2\]"),
    (lambda: metrics.PrecisionAtRecall(recall=3), "`recall` must be in the range"),
    (lambda: metrics.F1Score(average="mean"), "average"),
    (lambda: metrics.F1Score()(np.ones(3), np.ones(3)), "output_dim"),
    (lambda: metrics.R2Score(class_aggregation="best"), "class_aggregation"),
    (lambda: metrics.IoU(2, [2]), "target class ids"),
    (lambda: metrics.Recall(class_id=1)(np.ones(3), np.ones(3)), "class_id"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_what_was_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_metric_without_super_init_says_so():
    class Hasty(metrics.Metric):
        def __init__(self):
            self.total = self.add_weight()

    with pytest.raises(RuntimeError, match="super"):
        Hasty()


def test_float_weights_for_integer_counts_are_warned_about():
    with pytest.warns(UserWarning, match="integer weights"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], np.array([0.5, 1.0]))


def test_dict_without_module_is_a_metric():
    config = {"class_name": "CategoricalCrossentropy", "config": {"from_logits": True}}
    assert isinstance(metrics.get(config), metrics.CategoricalCrossentropy)
