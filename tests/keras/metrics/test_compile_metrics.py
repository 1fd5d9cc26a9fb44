"""`metrics` and `weighted_metrics` of compile: names and values against real Keras."""

from collections import OrderedDict

import jax.numpy as jnp
import numpy as np
import pytest

from graphc.keras import metrics, ops
from graphc.keras.training.compile_metrics import CompileMetrics

B = 6
W = np.random.default_rng(5).random(B)


def scores(*shape, seed=0):
    raw = np.random.default_rng(seed).random(shape).astype("float32")
    return raw / raw.sum(-1, keepdims=True) if shape[-1] > 1 else raw


def labels(high, *shape, seed=3):
    return np.random.default_rng(seed).integers(0, high, shape)


YES = (labels(2, B), scores(B, 1))
INDEX = (labels(3, B), scores(B, 3))
COLUMN = (labels(3, B, 1), scores(B, 3))
ONE_HOT = (np.eye(3)[labels(3, B)], scores(B, 3))
WORDS = (labels(3, B, 4), scores(B, 4, 3))

ONE = [
    # metrics, weighted_metrics, data
    (["accuracy"], None, YES),
    (["acc"], None, INDEX),
    (["acc", "accuracy"], None, COLUMN),
    (["accuracy"], None, ONE_HOT),
    (["Accuracy"], None, ONE_HOT),
    (["accuracy"], ["accuracy"], WORDS),
    (["mse", "mse"], ["mse", "mse"], ONE_HOT),
    (["MSE", "mean_squared_error"], None, ONE_HOT),
    ({"out": "accuracy"}, None, INDEX),
    ({"out": ["accuracy", "mse"]}, None, ONE_HOT),
    ([["accuracy", "mae"]], ["mae"], ONE_HOT),
    ([metrics.AUC(name="area"), metrics.Precision(name="p")], None, ONE_HOT),
    ([metrics.CategoricalAccuracy], None, ONE_HOT),
    ([metrics.categorical_crossentropy], ["bce"], ONE_HOT),
    (None, ["acc"], YES),
    ([], [], YES),
]
PAIR = [YES, ONE_HOT]
TWO = [
    (["accuracy", "mse"], None, list),
    ([["accuracy"], ["acc", "mse"]], [None, ["mse"]], list),
    ([["mse"], None], [["mse"], ["mse", "mse"]], tuple),
    ({"b": "mse"}, None, list),
    ({"a": ["acc", "mse"], "b": "acc"}, {"a": "mse", "b": ["acc"]}, list),
    ({"a": ["acc", "mse"], "b": "acc"}, {"b": "mse"}, dict),
    (["accuracy", "mse"], None, dict),
    ([["acc"], ["acc"]], None, OrderedDict),
    (None, None, dict),
]


def shaped(kind, pair):
    if issubclass(kind, dict):
        return kind(zip("ab", pair, strict=True))
    return kind(pair)


def in_keras(keras, given):
    if isinstance(given, dict):
        return {key: in_keras(keras, item) for key, item in given.items()}
    if isinstance(given, (list, tuple)):
        return type(given)(in_keras(keras, item) for item in given)
    if isinstance(given, metrics.Metric):
        return getattr(keras.metrics, type(given).__name__)(**given.get_config())
    return getattr(keras.metrics, given.__name__) if callable(given) else given


def compare(keras, plain, weighted, names, y_true, y_pred, weight=None):
    theirs = keras.src.trainers.compile_utils.CompileMetrics(
        in_keras(keras, plain), in_keras(keras, weighted), output_names=names
    )
    ours = CompileMetrics(plain, weighted, output_names=names)
    for sample_weight in (weight, None):
        ours.update_state(y_true, y_pred, sample_weight)
        theirs.update_state(y_true, y_pred, sample_weight)
    got, expected = ours.result(), theirs.result()
    assert list(got) == list(expected)
    assert np.allclose([*got.values()], [*expected.values()], rtol=1e-5)
    assert [metric.name for metric in ours.metrics] == [metric.name for metric in theirs.metrics]
    assert len(ours.variables) == len(theirs.variables)
    ours.reset_state()
    assert not any(np.any(variable.numpy()) for variable in ours.variables)


@pytest.mark.oracle
@pytest.mark.parametrize(("plain", "weighted", "data"), ONE, ids=range(len(ONE)))
def test_one_output_equals_keras(keras, plain, weighted, data):
    compare(keras, plain, weighted, ["out"], *data, weight=W)


@pytest.mark.oracle
@pytest.mark.parametrize(("plain", "weighted", "kind"), TWO, ids=range(len(TWO)))
def test_two_outputs_equal_keras(keras, plain, weighted, kind):
    y_true, y_pred = (shaped(kind, side) for side in zip(*PAIR, strict=True))
    weight = W if kind is list else shaped(kind, [W, W * 0.5])
    names = ["b", "a"] if kind is dict else ["a", "b"]
    compare(keras, plain, weighted, names, y_true, y_pred, [weight] if kind is list else weight)


@pytest.mark.oracle
def test_nested_outputs_equal_keras(keras):
    y_true = {"x": [YES[0], ONE_HOT[0]], "y": INDEX[0]}
    y_pred = {"x": [YES[1], ONE_HOT[1]], "y": INDEX[1]}
    plain = {"x": ["acc", ["acc", "mse"]], "y": None}
    compare(keras, plain, None, ["p", "q", "r"], y_true, y_pred)


FORMS = [
    {"loss": "binary_crossentropy", "metrics": ["accuracy"]},
    {"loss": "mse", "metrics": ["acc", "mae"], "weighted_metrics": ["mae"]},
]


@pytest.mark.oracle
@pytest.mark.parametrize("form", FORMS, ids=str)
def test_names_are_those_in_a_history_of_keras(keras, form):
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1, name="out")])
    model.compile(optimizer="sgd", **form)
    x, y = np.zeros((4, 2)), np.zeros((4, 1))
    history = model.fit(x, y, batch_size=2, verbose=0).history
    ours = CompileMetrics(form["metrics"], form.get("weighted_metrics"), output_names=["out"])
    ours.update_state(y, y.astype("float32"))
    assert sorted(["loss", *ours.result()]) == sorted(history)


class Biggest(metrics.Metric):
    """A metric of the user's own, which honours sample weights."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.total = self.add_weight(name="total")

    def update_state(self, y_true, y_pred, sample_weight=None):
        values = ops.sum(ops.abs(y_true - y_pred), axis=-1)
        weight = ops.ones_like(values) if sample_weight is None else sample_weight
        self.total.assign_add(ops.sum(values * weight))

    def result(self):
        return self.total


@pytest.mark.parametrize("weight", [None, W, W[:, None]], ids=["none", "rows", "column"])
def test_padding_gives_the_result_of_the_real_rows(weight):
    real = 4
    plain = ["acc", "mse", Biggest(name="mine"), metrics.AUC(), metrics.MeanIoU(2, name="iou")]
    weighted = ["mse", metrics.Precision()]
    y_true, y_pred = ONE_HOT
    padded = CompileMetrics(plain, weighted, ["out"])
    padded.update_state(y_true, y_pred, weight, valid=jnp.arange(B) < real)
    got = {name: float(value) for name, value in padded.result().items()}
    padded.reset_state()
    some = None if weight is None else weight[:real]
    padded.update_state(y_true[:real], y_pred[:real], some)
    expected = {name: float(value) for name, value in padded.result().items()}
    assert got.keys() == expected.keys()
    assert np.allclose([*got.values()], [*expected.values()], rtol=1e-6)


def test_crossentropy_by_shape():
    for (y_true, y_pred), cls in [
        (YES, metrics.BinaryCrossentropy),
        (INDEX, metrics.SparseCategoricalCrossentropy),
        (ONE_HOT, metrics.CategoricalCrossentropy),
    ]:
        compiled = CompileMetrics(["ce", "crossentropy"], None, ["out"])
        compiled.update_state(y_true, y_pred)
        assert [type(metric) for metric in compiled.metrics] == [cls, cls]
        assert list(compiled.result()) == ["ce", "crossentropy"]


TARGETS, OUTPUTS = (list(side) for side in zip(*PAIR, strict=True))
NAMES = ["a", "b"]
REFUSED = [
    (lambda: CompileMetrics("acc", None), "list, tuple, or dict.*metrics=acc"),
    (lambda: CompileMetrics(None, 3), "`weighted_metrics`.*3"),
    (lambda: CompileMetrics(["acc"], None, NAMES).build(TARGETS, OUTPUTS), r"'a', 'b'.*\['acc'\]"),
    (lambda: CompileMetrics({"c": "acc"}, None, NAMES).build(TARGETS, OUTPUTS), "'a', 'b'.*'c'"),
    (lambda: CompileMetrics([None, "acuracy"], None, NAMES).build(TARGETS, OUTPUTS), "'accuracy'"),
    (lambda: CompileMetrics([None], None).build(*YES), "Expected a metric"),
    (lambda: CompileMetrics(["acc"], None).result(), "before the first batch"),
    (
        lambda: CompileMetrics(["acc", "acc"], None, NAMES).build(TARGETS[:1], OUTPUTS),
        "one target for each of the 2 outputs.*'a', 'b'",
    ),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_the_names_of_the_outputs(call, message):
    with pytest.raises(ValueError, match=message):
        call()
