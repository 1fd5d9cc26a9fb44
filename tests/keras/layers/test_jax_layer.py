"""`JaxLayer` and `FlaxLayer`: variables, state, seeds, training, configuration, errors."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras as ours
from tests.keras.layers.checking import MARKS, assert_close, draw
from tests.oracle.pairing import Data, check, rows

pytestmark = MARKS

X = draw((5, 4))
PARAMS = {"w": draw((4, 3), seed=1), "b": np.zeros(3, "float32")}
COUNT = {"seen": np.int32(0), "mean": np.zeros(3, "float32")}


def dense(params: Any, inputs: Any) -> Any:
    return jnp.tanh(inputs @ params["w"] + params["b"])


def init_dense(rng: Any, inputs: Any) -> Any:
    return {"w": jax.random.normal(rng, (inputs.shape[-1], 3)), "b": jnp.zeros(3)}


def counting(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
    outputs = dense(params, inputs)
    if not training:
        return outputs + state["mean"], state
    outputs = outputs * jax.random.bernoulli(rng, 0.5, outputs.shape)
    return outputs, {"seen": state["seen"] + 1, "mean": 0.9 * state["mean"] + outputs.mean(0)}


class Block(nn.Module):
    @nn.compact
    def __call__(self, inputs: Any, training: bool = False) -> Any:
        x = nn.BatchNorm(use_running_average=not training)(nn.Dense(4)(inputs))
        return nn.Dropout(0.5, deterministic=not training)(x)

    def get_config(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        return cls()


class Plain(nn.Module):
    @nn.compact
    def __call__(self, inputs: Any) -> Any:
        return nn.Dense(2)(inputs)


def listed(layer: Any) -> list[tuple[Any, ...]]:
    return [(w.name, w.path, tuple(w.shape), w.dtype, w.trainable) for w in layer.weights]


def layers_of(library: Any, kind: str) -> Any:
    if kind == "jax":
        return library.layers.JaxLayer(dense, params=PARAMS, name="it")
    if kind == "stateful":
        return library.layers.JaxLayer(counting, params=PARAMS, state=COUNT, seed=3, name="it")
    variables = Block().init(jax.random.key(0), X)
    return library.layers.FlaxLayer(Block(), variables=variables, seed=3, name="it")


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", ["jax", "stateful", "flax"])
def test_outputs_state_and_names(keras, kind, training):
    theirs, mine = (layers_of(library, kind) for library in (keras, ours))
    for _ in range(2):
        assert_close(mine(X, training=training), theirs(X, training=training))
    for one, other in zip(mine.weights, theirs.weights, strict=True):
        assert_close(one.numpy(), np.asarray(other.value))
    assert [row[1:] for row in listed(mine)] == [row[1:] for row in listed(theirs)] or [
        row[2:] for row in listed(mine)
    ] == [row[2:] for row in listed(theirs)]


@pytest.mark.parametrize("kind", ["jax", "stateful", "flax"])
def test_training_equals_keras(keras, kind):
    def build(library: Any) -> Any:
        inputs = library.Input((4,))
        x = layers_of(library, kind)(inputs)
        return library.Model(inputs, library.layers.Dense(1)(x))

    check(keras, build, Data(rows((4,)), rows((1,))), lambda _: {"loss": "mse"}, outputs=True)


@pytest.mark.parametrize("kind", ["jax", "stateful"])
def test_low_precision_and_symbolic(keras, kind):
    for library in (keras, ours):
        layer = layers_of(library, kind)
        output = layer(library.KerasTensor((None, 4)))
        assert (tuple(output.shape), output.dtype) == ((None, 3), "float32")


def test_init_fn_draws_the_first_parameters():
    ours.utils.set_random_seed(5)
    layer = ours.layers.JaxLayer(dense, init_dense)
    found = layer(X)
    w, b = layer.params["w"].numpy(), layer.params["b"].numpy()
    assert w.shape == (4, 3) and w.std() > 0.1
    assert_close(found, dense({"w": w, "b": b}, X))
    ours.utils.set_random_seed(5)
    again = ours.layers.JaxLayer(dense, init_dense)
    again(X)
    np.testing.assert_array_equal(again.params["w"].numpy(), w)


def test_init_fn_of_a_function_with_state():
    layer = ours.layers.JaxLayer(
        counting, lambda rng, inputs, training: (init_dense(rng, inputs), COUNT), seed=1
    )
    layer.build((None, 4))
    assert [w.trainable for w in layer.weights] == [True, True, False, False]
    layer(X, training=True)
    assert int(layer.state["seen"].numpy()) == 1


@pytest.mark.parametrize("module", [Block(), Plain()], ids=["state", "plain"])
def test_flax_module_initializes_itself(module):
    layer = ours.layers.FlaxLayer(module)
    assert layer(X).shape[0] == 5
    variables = jax.tree.map(lambda v: v.numpy(), {**layer.params, **layer.state})
    assert_close(layer(X), module.apply(variables, X))


def test_flax_method_of_another_name(keras):
    def forward(module: Any, inputs: Any) -> Any:
        return module(inputs[0] + inputs[1])

    pair = [X, X]
    results = [
        library.layers.FlaxLayer(
            Plain(), method=forward, variables=Plain().init(jax.random.key(1), X)
        )(pair)
        for library in (keras, ours)
    ]
    assert_close(results[1], results[0])


def test_a_function_without_parameters(keras):
    results = [
        library.layers.JaxLayer(lambda inputs: {"double": inputs * 2})(X)
        for library in (keras, ours)
    ]
    assert_close(results[1], results[0])


def test_configuration(keras):
    for library in (keras, ours):
        library.saving.register_keras_serializable("tests")(dense)
        library.saving.register_keras_serializable("tests")(init_dense)
        library.saving.register_keras_serializable("tests")(Block)
    mine = ours.layers.JaxLayer(dense, init_dense, name="it")
    theirs = keras.layers.JaxLayer(dense, init_dense, name="it")
    assert set(mine.get_config()) == set(theirs.get_config())
    again = ours.layers.JaxLayer.from_config(mine.get_config())
    assert (again.call_fn, again.init_fn) == (dense, init_dense)
    flax = ours.layers.FlaxLayer(Block(), name="it")
    assert set(flax.get_config()) == set(keras.layers.FlaxLayer(Block(), name="it").get_config())
    assert isinstance(ours.layers.FlaxLayer.from_config(flax.get_config()).module, Block)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies(copied):
    layer = ours.layers.JaxLayer(dense, init_dense)
    expected = layer(X)
    assert_close(copied(layer)(X), expected)


@pytest.mark.parametrize(
    "arguments",
    [
        (lambda params, x: x,),
        (lambda params, inputs, depth: inputs,),
        (lambda params, inputs: inputs,),
        (dense, lambda key, inputs: PARAMS),
    ],
)
def test_bad_arguments(keras, arguments):
    for library in (keras, ours):
        with pytest.raises(ValueError, match="Received" if library is ours else None):
            library.layers.JaxLayer(*arguments)


def test_state_of_another_structure():
    layer = ours.layers.JaxLayer(
        lambda params, state, inputs: (inputs, {}), params=PARAMS, state=COUNT
    )
    with pytest.raises(ValueError, match="Received"):
        layer(X)


@pytest.mark.parametrize("name", ["JaxLayer", "FlaxLayer"])
@pytest.mark.parametrize("method", ["__init__", "call"])
def test_signatures(keras, name, method):
    found, expected = (
        [
            (p.name, p.default)
            for p in inspect.signature(
                getattr(getattr(library.layers, name), method)
            ).parameters.values()
        ]
        for library in (ours, keras)
    )
    assert found == expected
