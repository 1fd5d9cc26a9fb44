"""`from_nnx`: NNX modules as layers: numbers, training, state, seeds, forms of models, saving."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from graphc import flax as graphc_flax
from graphc import keras

L = keras.layers
RATE = 0.1


class Mlp(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs) -> None:
        self.layers = nnx.List([nnx.Linear(4, width, rngs=rngs), nnx.Linear(width, 2, rngs=rngs)])

    def __call__(self, x: Any) -> Any:
        return self.layers[1](nnx.tanh(self.layers[0](x)))


class Convolution(nnx.Module):
    def __init__(self, rate: float, rngs: nnx.Rngs) -> None:
        self.conv = nnx.Conv(2, 4, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(4, momentum=0.7, rngs=rngs)
        self.drop = nnx.Dropout(rate, rngs=rngs)
        self.out = nnx.Linear(4, 2, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.out(self.drop(nnx.relu(self.norm(self.conv(x)))).mean((1, 2)))


class Described(Mlp):
    """A class that can be written by its configuration."""

    def __init__(self, width: int) -> None:
        super().__init__(width, nnx.Rngs(0))
        self.width = width

    def get_config(self) -> dict[str, Any]:
        return {"width": self.width}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Described:
        return cls(**config)


class Counter(nnx.Module):
    def __init__(self) -> None:
        self.calls = nnx.Variable(jnp.zeros((), jnp.int32))
        self.plain = nnx.Param(jnp.ones(2))

    def __call__(self, inputs: Any, training: bool) -> Any:
        self.calls[...] = self.calls[...] + 1
        total = inputs["a"] + inputs["b"] * self.plain
        return {"total": total, "trains": total * 0.0 + float(training)}


def make_mlp(width: int, rngs: nnx.Rngs) -> Mlp:
    return Mlp(width, rngs)


def make_convolution(rngs: nnx.Rngs) -> Convolution:
    return Convolution(0.3, rngs)


SHAPES = {"mlp": (4,), "convolution": (6, 6, 2)}


def module_of(name: str, rate: float = 0.0) -> nnx.Module:
    rngs = nnx.Rngs(3, dropout=5)
    return Mlp(5, rngs) if name == "mlp" else Convolution(rate, rngs)


def data(name: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, *SHAPES[name])), rng.normal(size=(8, 2))
    return x.astype("float32"), y.astype("float32")


def sequential(name: str, layer: Any) -> Any:
    model = keras.Sequential([keras.Input(SHAPES[name]), layer])
    model.compile(keras.optimizers.SGD(RATE), "mse")
    return model


def assert_close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("name", SHAPES)
def test_training_equals_training_in_nnx(name):
    x, y = data(name)
    module = module_of(name)
    model = sequential(name, graphc_flax.from_nnx(module))
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    module.train()
    optimizer = nnx.Optimizer(module, optax.sgd(RATE), wrt=nnx.Param)

    @nnx.jit
    def step(module: Any, optimizer: Any, x: Any, y: Any) -> None:
        gradients = nnx.grad(lambda module: jnp.mean((module(x) - y) ** 2))(module)
        optimizer.update(module, gradients)

    for start in (0, 4, 0, 4):
        step(module, optimizer, x[start : start + 4], y[start : start + 4])
    module.eval()
    assert_close(model.predict(x, verbose=0), module(x))
    kinds = (nnx.Param, nnx.BatchStat)
    for kind in kinds:
        found, expected = (nnx.state(m, kind) for m in (model.layers[0].module, module))
        jax.tree.map(assert_close, found, expected)


def fitted(seed: int, epochs: int = 1, **options: Any) -> tuple[Any, list[float]]:
    x, y = data("convolution")
    layer = graphc_flax.from_nnx(module_of("convolution", rate=0.5), seed=seed)
    model = sequential("convolution", layer)
    model.optimizer.learning_rate = 0.0  # then only what is dropped makes losses differ
    rows = {"batch_size": 8, "epochs": epochs, "shuffle": False, "verbose": 0}
    return model, model.fit(x, y, **rows, **options).history["loss"]


def test_dropout_draws_from_the_layers_seeds():
    model, losses = fitted(seed=1, epochs=3)
    assert len(set(losses)) == 3
    assert fitted(seed=1, epochs=3)[1] == losses
    assert fitted(seed=2)[1][0] != losses[0]
    x = data("convolution")[0]
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_many_steps_in_one_call_are_the_same_as_one_by_one():
    class EachBatch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            pass

    x, y = data("convolution")
    found = []
    for callbacks in ([], [EachBatch()]):
        layer = graphc_flax.from_nnx(module_of("convolution", rate=0.5), seed=1)
        model = sequential("convolution", layer)
        model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0, callbacks=callbacks)
        found.append(model.get_weights())
    for one, other in zip(*found, strict=True):
        assert_close(one, other)


def test_structures_state_and_the_phase():
    inputs = {key: keras.Input((2,), name=key) for key in "ab"}
    layer = graphc_flax.from_nnx(Counter(), name="counter")
    model = keras.Model(inputs, layer(inputs))
    assert [w.path for w in layer.weights] == ["counter/plain", "counter/calls"]
    given = {"a": np.ones((3, 2), "float32"), "b": np.full((3, 2), 2.0, "float32")}
    calls = int(layer.module.calls[...])
    outputs = model(given, training=True)
    np.testing.assert_array_equal(outputs["total"], np.full((3, 2), 3.0))
    assert float(outputs["trains"][0, 0]) == 1.0
    assert float(model(given)["trains"][0, 0]) == 0.0
    assert int(layer.module.calls[...]) == calls + 2


@pytest.mark.parametrize(
    "method", ["half", lambda module, inputs: module(inputs[0]) / 2], ids=["name", "function"]
)
def test_another_method(method):
    class Halved(Mlp):
        def half(self, inputs: Any) -> Any:
            return self(inputs[0]) / 2

    module, x = Halved(3, nnx.Rngs(1)), data("mlp")[0]
    layer = graphc_flax.from_nnx(module, method=method)
    assert_close(layer([x, x]), module(x) / 2)


def test_inside_a_subclassed_model_and_frozen():
    class Whole(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inside = graphc_flax.from_nnx(module_of("mlp"))
            self.out = L.Dense(2)

        def call(self, x: Any) -> Any:
            return self.out(self.inside(x))

    x, y = data("mlp")
    model = Whole()
    model.inside.trainable = False
    model.compile("sgd", "mse")
    model.predict(x, verbose=0)
    before = model.get_weights()
    model.fit(x, y, verbose=0)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert len(model.trainable_variables) == 2
    assert sum(moved) == 2
    np.testing.assert_array_equal(model.inside.get_weights()[1], before[1])


def test_the_module_is_copied_and_can_be_had_again():
    module, x = module_of("mlp"), data("mlp")[0]
    layer = graphc_flax.from_nnx(module)
    expected = module(x)
    module.layers[0].bias[...] = jnp.ones(5)
    assert_close(layer(x), expected)
    assert_close(layer.module(x), expected)


def test_explain_says_that_it_is_opaque():
    model = sequential("mlp", graphc_flax.from_nnx(module_of("mlp"), name="inside"))
    model.fit(*data("mlp"), verbose=0)
    assert "opaque: no pass looks inside" in str(model.explain())


def test_to_nnx_and_back():
    module, x = module_of("convolution"), data("convolution")[0]
    model = sequential("convolution", graphc_flax.from_nnx(module, name="net"))
    again = graphc_flax.from_nnx(graphc_flax.to_nnx(model))
    assert_close(again(x), model.predict(x, verbose=0))
    assert {w.path.split("/")[1] for w in again.weights if w.trainable} == {
        f"net_{w.name}" for w in model.trainable_variables
    }


FACTORIES = {
    "function": lambda: graphc_flax.from_nnx(make_mlp, {"width": 3}, rngs=1, name="it"),
    "with state": lambda: graphc_flax.from_nnx(make_convolution, seed=4, name="it"),
    "described": lambda: graphc_flax.from_nnx(Described(6), name="it"),
}


@pytest.fixture
def registered():
    objects = keras.saving.get_custom_objects()
    before = dict(objects)
    for item in (make_mlp, make_convolution, Described):
        keras.saving.register_keras_serializable("flax_tests")(item)
    yield
    objects.clear()
    objects.update(before)


def trained(name: str) -> tuple[Any, np.ndarray]:
    kind = "convolution" if name == "with state" else "mlp"
    model, (x, y) = sequential(kind, FACTORIES[name]()), data(kind)
    model.fit(x, y, verbose=0)
    return model, x


@pytest.mark.parametrize("name", FACTORIES)
def test_saved_and_loaded(registered, tmp_path, name):
    model, x = trained(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    assert loaded.layers[0].get_config() == model.layers[0].get_config()
    model.fit(x, np.ones((8, 2), "float32"), verbose=0)
    model.save_weights(tmp_path / "its.weights.h5")
    loaded.load_weights(tmp_path / "its.weights.h5")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    loaded.fit(x, np.ones((8, 2), "float32"), verbose=0)


WAYS = {
    "clone_model": keras.models.clone_model,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["mlp", "convolution"])
def test_copies_need_no_registration(way, name):
    model = sequential(name, graphc_flax.from_nnx(module_of(name)))
    x, y = data(name)
    model.fit(x, y, verbose=0)
    other = WAYS[way](model)
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
    before = model.get_weights()
    other.set_weights([w + 1 for w in before])
    np.testing.assert_array_equal(model.get_weights()[0], before[0])


def test_what_cannot_be_saved_says_what_to_register(tmp_path):
    model = sequential("mlp", graphc_flax.from_nnx(module_of("mlp"), name="inside"))
    with pytest.raises(ValueError, match=r"Layer 'inside'.*register_keras_serializable.*Received"):
        model.save(tmp_path / "model.keras")
    assert not list(tmp_path.iterdir())
    model.save_weights(tmp_path / "its.weights.h5")


def unknown(width: int, rngs: nnx.Rngs) -> Mlp:
    return Mlp(width, rngs)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (unknown, "Could not find 'unknown'"),
        (lambda width, rngs: Mlp(width, rngs=rngs), "safe_mode"),
    ],
    ids=["unregistered", "lambda"],
)
def test_loading_runs_nothing_that_is_not_registered(tmp_path, factory, message):
    model = sequential("mlp", graphc_flax.from_nnx(factory, {"width": 3}))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=message):
        keras.models.load_model(tmp_path / "model.keras")
    if factory is unknown:
        keras.models.load_model(tmp_path / "model.keras", custom_objects={"unknown": unknown})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((3,), TypeError, "Expected an `nnx.Module`.*Received: 3"),
        ((lambda: 3,), TypeError, "to return an `nnx.Module`. Received: 3"),
        ((Described(2), {"width": 2}), ValueError, "only with a function.*Received: arguments="),
    ],
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        graphc_flax.from_nnx(*arguments)
