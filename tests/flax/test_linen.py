"""`FlaxLayer` and `JaxLayer` in whole models: training as in Keras, saving, copies, safety."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras as ours
from tests.oracle.pairing import MARKS, Data, check, rows


def compared(test: Any) -> Any:
    """A test that real Keras takes part in."""
    for mark in MARKS:
        test = mark(test)
    return test


class Dense(nn.Module):
    features: tuple[int, ...]
    activation: Callable[[Any], Any] = nn.relu
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, inputs: Any) -> Any:
        x = inputs
        for size in self.features:
            x = self.activation(nn.Dense(size, dtype=self.dtype)(x))
        return x


class Convolution(nn.Module):
    features: int
    head: nn.Module
    options: Any = None

    @nn.compact
    def __call__(self, inputs: Any, training: bool = False) -> Any:
        x = nn.Conv(self.features, (3, 3))(inputs)
        x = nn.BatchNorm(use_running_average=not training, momentum=0.7)(x)
        x = nn.Dropout(0.4, deterministic=not training)(nn.relu(x))
        return self.head(x.mean((1, 2)))


class Pair(nn.Module):
    @nn.compact
    def __call__(self, inputs: Any) -> Any:
        return {"sum": nn.Dense(3)(inputs["a"]) + nn.Dense(3)(inputs["b"]), "a": inputs["a"]}


MODULES: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "dense": (Dense((5, 2), nn.gelu), (4,)),
    "convolution": (Convolution(4, Dense((2,), nn.gelu), {"a": (1, 2.5)}), (6, 6, 2)),
    "linen's own": (nn.Dense(2, use_bias=False), (4,)),
}


def layer_of(library: Any, name: str) -> Any:
    module, shape = MODULES[name]
    variables = module.init(jax.random.key(0), jnp.ones((1, *shape)))
    return library.layers.FlaxLayer(module, variables=variables, seed=3, name="it")


@compared
@pytest.mark.parametrize("name", ["dense", "convolution"])
def test_training_equals_keras(keras, name):
    def build(library: Any) -> Any:
        inputs = library.Input(MODULES[name][1])
        return library.Model(inputs, library.layers.Dense(1)(layer_of(library, name)(inputs)))

    check(keras, build, Data(rows(MODULES[name][1]), rows((1,))), lambda _: {"loss": "mse"})


@compared
def test_structures_equal_keras(keras):
    x = {"a": rows((4,)), "b": rows((2,), seed=1)}
    variables = Pair().init(jax.random.key(0), x)
    found, expected = (
        library.layers.FlaxLayer(Pair(), variables=variables)(x) for library in (ours, keras)
    )
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], np.asarray(value), rtol=1e-5, atol=1e-6)


def model_of(name: str) -> tuple[Any, np.ndarray]:
    ours.utils.set_random_seed(1)
    module, shape = MODULES[name]
    model = ours.Sequential([ours.Input(shape), ours.layers.FlaxLayer(module, seed=3, name="it")])
    model.compile(ours.optimizers.SGD(0.1), "mse")
    x = rows(shape, count=8)
    model.fit(x, rows((2,), count=8), batch_size=4, verbose=0)
    return model, x


@pytest.fixture
def registry():
    objects = ours.saving.get_custom_objects()
    before = dict(objects)
    yield objects
    objects.clear()
    objects.update(before)


@pytest.mark.parametrize("name", ["convolution", "linen's own"])
def test_saved_by_the_fields_of_the_module(registry, tmp_path, name):
    for item in (Dense, Convolution):
        ours.saving.register_keras_serializable("linen_tests")(item)
    model, x = model_of(name)
    model.save(tmp_path / "model.keras")
    loaded = ours.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].module == MODULES[name][0]
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert json.dumps(loaded.get_config()) == json.dumps(model.get_config())
    model.fit(x, rows((2,), count=8), verbose=0)
    model.save_weights(tmp_path / "its.weights.h5")
    loaded.load_weights(tmp_path / "its.weights.h5")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


WAYS = {
    "clone_model": ours.models.clone_model,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODULES)
def test_copies_need_no_registration(way, name):
    model, x = model_of(name)
    other = WAYS[way](model)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))


SIZES = {"class_name": "__tuple__", "config": [3, 1]}


def entry_of(module: nn.Module) -> Any:
    return ours.layers.FlaxLayer(module).get_config()["module"]


@pytest.mark.parametrize(
    ("module", "fields"),
    [
        (nn.Dense(2, dtype=jnp.bfloat16), {"features": 2, "dtype": "bfloat16"}),
        (nn.Conv(2, (3, 1)), {"features": 2, "kernel_size": SIZES}),
        (nn.Dropout(0.5, name="drop"), {"rate": 0.5, "name": "drop"}),
    ],
)
def test_only_what_differs_from_the_defaults_is_written(module, fields):
    assert entry_of(module)["config"]["fields"] == fields


def test_a_field_that_no_file_can_name():
    with pytest.raises(ValueError, match=r"field 'kernel_init' of Dense.*Received: <function"):
        entry_of(nn.Dense(2, kernel_init=nn.initializers.constant(0.5)))


BYTECODE = {"class_name": "__lambda__", "config": {"value": "x"}}


class Forward(nn.Module):
    @nn.compact
    def forward(self, inputs: Any) -> Any:
        return nn.Dense(2)(inputs)


def test_a_bound_method_is_written_by_its_name(registry, tmp_path):
    ours.saving.register_keras_serializable("linen_tests")(Forward)
    layer = ours.layers.FlaxLayer(Forward(), method=Forward().forward)  # of an equal module
    assert layer.get_config()["method"] == "forward"
    model, x = ours.Sequential([ours.Input((4,)), layer]), rows((4,), count=8)
    model.save(tmp_path / "model.keras")
    loaded = ours.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def named(name: Any) -> Any:
    return {"class_name": "__linen__", "config": name}


def whole(cls: Any, **fields: Any) -> Any:
    return {"class_name": "__linen_module__", "config": {"class": cls, "fields": fields}}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (whole("Unknown"), "Could not find the Linen module 'Unknown'.*custom_objects"),
        (whole("get_file"), "Could not find the Linen module"),
        (whole("builtins>eval"), "Could not find the Linen module"),
        (whole("Dense"), "Could not find the Linen module 'Dense'"),
        (whole(named("jit")), "Received: 'jit'"),
        (whole(named("module.jax")), "Received: 'module.jax'"),
        (whole(named("Dense"), features=named("initializers")), "Received: 'initializers'"),
        (whole(named("Dense"), kernel_init=BYTECODE), "safe_mode=False"),
    ],
)
def test_a_configuration_names_nothing_else(registry, entry, message):
    config = {**ours.layers.FlaxLayer(nn.Dense(2)).get_config(), "module": entry}
    stored = {"class_name": "FlaxLayer", "module": "keras.layers", "config": config}
    with pytest.raises(ValueError, match=message):
        ours.saving.deserialize_keras_object(stored)


def affine(params: Any, state: Any, inputs: Any, training: bool) -> Any:
    outputs = inputs @ params["w"] + state["mean"]
    if not training:
        return outputs, state
    return outputs, {"mean": 0.9 * state["mean"] + 0.1 * outputs.mean(0)}


def affine_init(rng: Any, inputs: Any) -> Any:
    return {"w": jax.random.normal(rng, (inputs.shape[-1], 2))}, {"mean": jnp.zeros(2)}


def test_a_function_saved_and_loaded(registry, tmp_path):
    model = ours.Sequential([ours.Input((4,)), ours.layers.JaxLayer(affine, affine_init)])
    model.compile("sgd", "mse")
    x = rows((4,), count=8)
    model.fit(x, rows((2,), count=8), batch_size=2, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="Could not find 'affine'"):
        ours.models.load_model(tmp_path / "model.keras")
    given = {"affine": affine, "affine_init": affine_init}
    loaded = ours.models.load_model(tmp_path / "model.keras", custom_objects=given)
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert np.abs(loaded.layers[0].state["mean"].numpy()).max() > 0
