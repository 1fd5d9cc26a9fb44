"""`graphc.graph`: any mode, before any training, without leaving a trace in the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.programs import cache_info
from tests.graphc.graphs import chain, ops_of

X = np.random.default_rng(0).normal(size=(12, 6)).astype("float32")
Y = np.arange(12) % 3


def _model(loss: Any = "sparse_categorical_crossentropy", metrics: Any = ("accuracy",)) -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu", name="wide"),
            keras.layers.Dropout(0.5, name="drop"),
            keras.layers.Dense(3, activation="softmax", name="head"),
        ],
        name="model",
    )
    if loss is not None:
        model.compile("adam", loss, metrics=list(metrics))
    return model


def test_training_is_the_whole_step_of_a_compiled_model() -> None:
    text = str(graphc.graph(_model(), "train"))
    for part in ("nn.dropout", "from_logits=True", "# loss", "# metrics", "update", "accuracy"):
        assert part in text, part
    assert "from_logits=False" in str(graphc.graph(_model(), "train", passes=False))


def test_testing_has_metrics_and_no_dropout() -> None:
    text = str(graphc.graph(_model(), "test"))
    assert "# metrics" in text and "nn.dropout" not in text
    assert not graphc.graph(_model(), "test").outputs


@pytest.mark.parametrize("compiled", [True, False])
def test_inference_is_the_forward_pass(compiled: bool) -> None:
    graph = graphc.graph(_model() if compiled else _model(None), "infer")
    assert ops_of(graph) == ["nn.dense", "nn.relu", "nn.dense", "nn.softmax"]
    assert graph.outputs[0].spec.shape == (1, 3)


def test_training_of_what_is_not_compiled_is_the_forward_pass_with_dropout() -> None:
    graph = graphc.graph(_model(None), "train")
    assert "nn.dropout" in ops_of(graph) and graph.updates


@pytest.mark.parametrize(
    "inputs", [X, (12, 6), graphc.TensorSpec((12, 6), "float32")], ids=["array", "shape", "spec"]
)
def test_inputs_come_in_three_forms(inputs: Any) -> None:
    for mode in ("train", "infer"):
        assert graphc.graph(_model(), mode, inputs).inputs[0].spec.shape == (12, 6)


def test_a_model_without_shapes_needs_inputs() -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(3)])
    assert graphc.graph(model, "infer", (4, 5)).params[0].spec.shape == (5, 3)
    with pytest.raises(AttributeError, match="has no defined inputs"):
        graphc.graph(keras.Sequential([keras.layers.Dense(3)]), "infer")


TARGETS = {
    "sparse_categorical_crossentropy": ("int32", (1,)),
    "categorical_crossentropy": ("float32", (1, 3)),
    keras.losses.SparseCategoricalCrossentropy: ("int32", (1,)),
    keras.losses.mean_squared_error: ("float32", (1, 3)),
}


@pytest.mark.parametrize("loss", TARGETS)
def test_targets_are_as_the_loss_wants_them(loss: Any) -> None:
    model = _model(loss() if isinstance(loss, type) else loss, ())
    target = graphc.graph(model, "train").inputs[1].spec
    assert (target.dtype, target.shape) == TARGETS[loss]


def test_targets_can_be_given() -> None:
    assert graphc.graph(_model(), "train", X, targets=Y).inputs[1].spec.shape == (12,)
    one_hot = graphc.graph(_model("crossentropy"), "train", (4, 6), targets=(4, 3))
    assert one_hot.inputs[1].spec.shape == (4, 3)


def test_two_outputs_have_two_targets() -> None:
    inputs = keras.Input((6,))
    heads = [keras.layers.Dense(size, name=f"head_{size}")(inputs) for size in (2, 4)]
    model = keras.Model(inputs, heads)
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"])
    specs = [value.spec for value in graphc.graph(model, "train").inputs[1:]]
    assert [(s.dtype, s.shape) for s in specs] == [("float32", (1, 2)), ("int32", (1,))]


def test_after_a_run_it_is_the_step_that_ran() -> None:
    model = _model()
    model.fit(X, Y, batch_size=5, verbose=0)
    report = model.explain("train")
    assert str(graphc.graph(model, "train")) == str(report.after)
    assert str(graphc.graph(model, "train", passes=False)) == str(report.before)
    assert graphc.graph(model, "infer").inputs[0].spec.shape == (1, 6)


def test_looking_changes_nothing() -> None:
    """The loss and the metric are resolved by made-up targets here, by other shapes in `fit`."""
    watched, other = _model("crossentropy"), _model("crossentropy")
    for mode in ("train", "test", "infer"):
        graphc.graph(watched, mode)
    assert watched._programs.recompiles == []
    histories = []
    for model in (watched, other):
        keras.utils.set_random_seed(1)
        histories.append(model.fit(X, Y, epochs=2, batch_size=5, verbose=0).history)
    assert histories[0] == histories[1]
    assert [m.name for m in watched.metrics] == [m.name for m in other.metrics]
    assert len(watched.variables) == len(other.variables)


def test_the_program_that_runs_is_not_the_one_that_was_looked_at() -> None:
    model = _model()
    graphc.graph(model, "infer", X, passes=False)
    before = cache_info().misses
    np.testing.assert_allclose(np.sum(model(X), axis=-1), np.ones(12), rtol=1e-5)
    assert ops_of(model._forward.executable_for(model, X, "infer", None).graph)
    assert cache_info().misses >= before


def test_a_graph_by_hand_goes_through_the_passes() -> None:
    graph = chain("math.exp")
    assert graphc.graph(graph, "infer") is graph


def test_what_cannot_be_shown_is_told() -> None:
    with pytest.raises(ValueError, match=r"'train', 'infer', 'test'.*'predict'"):
        graphc.graph(_model(), "predict")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"a model or a Graph\. Received: 3"):
        graphc.graph(3)
