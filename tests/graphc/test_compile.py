"""`graphc.compile`: what it takes, what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.builder import Builder
from graphc.errors import VerifyError
from graphc.ir import Graph
from tests.graphc.graphs import chain, spec
from tests.graphc.test_verify import BROKEN

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


def _model() -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(5, activation="relu"), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((3,)), *layers])


def test_a_graph_becomes_a_callable() -> None:
    (result,) = graphc.compile(chain("math.square", shape=(4, 3)))(X)
    np.testing.assert_allclose(result, X**2)


def test_a_graph_of_two_inputs_takes_two_arguments() -> None:
    b = Builder()
    x, y = b.input(spec(2)), b.input(spec(2))
    executable = graphc.compile(b.finish([b.emit("math.subtract", x, y)]))
    (result,) = executable(np.float32([3, 4]), np.float32([1, 1]))
    np.testing.assert_array_equal(result, [2, 3])
    with pytest.raises(ValueError, match=r"takes 2 inputs\. Received: 1"):
        executable(np.float32([3, 4]))


def _with_param() -> Graph:
    b = Builder()
    return b.finish([b.emit("math.add", b.input(spec(2)), b.param(spec(2)))])


def test_a_graph_with_parameters_is_run_with_them() -> None:
    executable = graphc.compile(_with_param())
    with pytest.raises(ValueError, match=r"executable\.run\(params, state, inputs\)"):
        executable(np.float32([1, 2]))
    (result,), _ = executable.run((np.float32([1, 1]),), (), (np.float32([1, 2]),))
    np.testing.assert_array_equal(result, [2, 3])


def test_a_broken_graph_is_refused() -> None:
    with pytest.raises(VerifyError):
        graphc.compile(BROKEN["_known_ops"][0][0]())


def test_a_model_needs_no_training_loop() -> None:
    model = _model()
    executable = graphc.compile(model, inputs=(4, 3))
    np.testing.assert_allclose(executable(X), model(X), rtol=1e-6)
    assert "nn.dense" in executable.show("graph")


@pytest.mark.parametrize(
    "inputs", [X, (4, 3), graphc.TensorSpec((4, 3), "float32")], ids=["array", "shape", "spec"]
)
def test_inputs_come_as_arrays_specs_or_shapes(inputs: Any) -> None:
    assert graphc.compile(_model(), inputs=inputs)(X).shape == (4, 2)


def test_new_weights_are_seen_without_another_compile() -> None:
    model = _model()
    executable = graphc.compile(model, inputs=(4, 3))
    executable(X)
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    np.testing.assert_array_equal(executable(X), np.zeros((4, 2)))
    assert executable._compiled.run.compilations.count == 1


def test_training_mode_keeps_the_new_state() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])
    before = model.layers[-1].moving_mean.numpy().copy()
    graphc.compile(model, inputs=(4, 3), mode="infer")(X)
    np.testing.assert_array_equal(model.layers[-1].moving_mean.numpy(), before)
    graphc.compile(model, inputs=(4, 3), mode="train")(X + 5)
    assert np.abs(model.layers[-1].moving_mean.numpy() - before).max() > 0


@pytest.mark.parametrize("form", [lambda c: c, json.dumps], ids=["dict", "json"])
def test_a_configuration_becomes_a_model(form: Any) -> None:
    saved = keras.saving.serialize_keras_object(_model())
    assert graphc.compile(form(saved), inputs=(4, 3))(X).shape == (4, 2)


def test_what_is_none_of_these_is_refused() -> None:
    with pytest.raises(TypeError, match=r"expects a model.*Received: 3"):
        graphc.compile(3)
    with pytest.raises(ValueError, match=r"'infer', 'train'.*Received: 'test'"):
        graphc.compile(chain("math.exp"), mode="test")  # type: ignore[arg-type]
