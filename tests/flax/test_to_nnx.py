"""`to_nnx`: the same numbers in both phases, the same training, gradients, names and errors."""

from __future__ import annotations

import copy
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
RATE = 0.05


def dense() -> Any:
    return keras.Sequential(
        [keras.Input((4,)), L.Dense(6, "tanh", name="one"), L.Dense(2, name="two")]
    )


def convolution() -> Any:
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            L.Conv2D(4, 3, name="conv"),
            L.BatchNormalization(momentum=0.7, name="norm"),
            L.ReLU(),
            L.Dropout(0.4, seed=7, name="drop"),
            L.GlobalAveragePooling2D(),
            L.Dense(2, name="out"),
        ]
    )


def recurrent() -> Any:
    inputs = keras.Input((5, 3))
    x = L.LSTM(4, dropout=0.2, seed=3, name="lstm")(inputs)
    return keras.Model(inputs, L.Dense(2, name="out")(x))


def nested() -> Any:
    inner = keras.Sequential(
        [keras.Input((4,)), L.Dense(4, name="deep"), L.BatchNormalization()], name="inner"
    )
    inputs = keras.Input((4,))
    return keras.Model(inputs, L.Dense(2, name="out")(inner(inputs)))


def shared() -> Any:
    inputs = keras.Input((4,))
    twice = L.Dense(4, "tanh", name="twice")
    return keras.Model(inputs, L.Dense(2, name="out")(twice(twice(inputs))))


def frozen() -> Any:
    model = convolution()
    model.get_layer("conv").trainable = False
    return model


class Subclassed(keras.Model):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.blocks = [L.Dense(4, "relu", name="block"), L.Dense(2, name="block_2")]
        self.scale = self.add_weight((2,), "ones", name="scale")

    def call(self, x: Any, training: bool = False) -> Any:
        for block in self.blocks:
            x = block(x)
        return x * self.scale if training else x * self.scale + 1.0


def subclassed() -> Any:
    model = Subclassed()
    model.build((None, 4))
    return model


def opaque() -> Any:
    layer = graphc_flax.from_nnx(nnx.Linear(4, 2, rngs=nnx.Rngs(0)), name="inside")
    return keras.Sequential([keras.Input((4,)), layer])


MODELS = {
    "dense": (dense, (4,)),
    "convolution": (convolution, (6, 6, 2)),
    "recurrent": (recurrent, (5, 3)),
    "nested": (nested, (4,)),
    "shared": (shared, (4,)),
    "subclassed": (subclassed, (4,)),
    "opaque": (opaque, (4,)),
}
FROZEN = {"frozen": (frozen, (6, 6, 2))}
every_model = pytest.mark.parametrize("name", MODELS)


def made(name: str) -> tuple[Any, np.ndarray, np.ndarray]:
    build, shape = (MODELS | FROZEN)[name]
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, *shape)).astype("float32")
    return build(), x, rng.normal(size=(8, 2)).astype("float32")


def same_variables(one: Any, other: Any) -> None:
    for mine, theirs in zip(one.variables, other.variables, strict=True):
        assert_close(mine.numpy(), theirs.numpy(), mine.path)


def assert_close(found: Any, expected: Any, name: str = "") -> None:
    scale = np.max(np.abs(np.asarray(expected, "float64")), initial=0.05)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale, err_msg=name)


@every_model
def test_computes_the_same_in_both_phases(name):
    model, x, _ = made(name)
    other = copy.deepcopy(model)
    module = graphc_flax.to_nnx(other)
    assert_close(module(x), model(x))
    assert_close(nnx.jit(lambda module, x: module(x))(module, x), model(x))
    module.train()
    for _ in range(2):  # statistics and seeds move on, so that the second call differs
        assert_close(module(x), model(x, training=True))
    same_variables(other, model)
    module.eval()
    assert_close(module(x), model(x))
    assert_close(module(x, training=True), model(x, training=True))


@every_model
def test_an_nnx_optimizer_trains_as_fit_does(name):
    model, x, y = made(name)
    other = copy.deepcopy(model)
    model.compile(keras.optimizers.SGD(RATE), "mse")
    model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    module = graphc_flax.to_nnx(other)
    module.train()
    optimizer = nnx.Optimizer(module, optax.sgd(RATE), wrt=nnx.Param)

    @nnx.jit
    def step(module, optimizer, x, y):
        def loss(module):
            return jnp.mean((module(x) - y) ** 2)

        value, gradients = nnx.value_and_grad(loss)(module)
        optimizer.update(module, gradients)
        return value

    losses = [
        step(module, optimizer, x[start : start + 4], y[start : start + 4])
        for start in (0, 4, 0, 4)
    ]
    assert losses[0] != losses[2]
    same_variables(other, model)
    assert_close(other.predict(x, verbose=0), model.predict(x, verbose=0))


def test_gradients_by_hand():
    model, x, y = made("dense")
    trained = [variable.value for variable in model.trainable_variables]

    def loss(trained):
        return jnp.mean((model.stateless_call(trained, [], x, training=True)[0] - y) ** 2)

    expected = jax.jit(jax.grad(loss))(trained)
    module = graphc_flax.to_nnx(model)
    found = nnx.grad(lambda module: jnp.mean((module(x) - y) ** 2))(module)
    names = [variable.path.split("/")[-2:] for variable in model.trainable_variables]
    for (layer, name), value in zip(names, expected, strict=True):
        assert_close(found[layer][name][...], value, f"{layer}/{name}")


DENSE = {"kernel": "Param", "bias": "Param"}
NAMES = {
    "dense": {"one": DENSE, "two": DENSE},
    "frozen": {
        "conv": {"kernel": "Frozen", "bias": "Frozen"},
        "norm": {
            "gamma": "Param", "beta": "Param",
            "moving_mean": "BatchStat", "moving_variance": "BatchStat",
        },
        "drop": {"seed_generator_state": "SeedState"},
        "out": DENSE,
    },
    "shared": {"twice": DENSE, "out": DENSE},
    "subclassed": {
        "scale": "Param",
        "block": DENSE,
        "block_2": DENSE,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_state_is_a_tree_by_the_names_of_layers(name):
    state = nnx.state(graphc_flax.to_nnx(made(name)[0]))

    def kinds(tree: Any) -> Any:
        if isinstance(tree, nnx.Variable):
            return type(tree).__name__
        return {key: kinds(value) for key, value in tree.items()}

    assert kinds(state) == NAMES[name]


def test_a_layer_whose_name_the_module_needs():
    model = keras.Sequential(
        [keras.Input((4,)), L.Dense(3, name="train"), L.Dense(2, name="deterministic")]
    )
    module = graphc_flax.to_nnx(model)
    assert set(nnx.state(module)) == {"train_1", "deterministic_1"}
    module.train()
    assert module(np.ones((1, 4), "float32")).shape == (1, 2)


def test_structures_of_inputs_and_outputs():
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((2,), name="b")}
    x = L.Concatenate()([inputs["a"], inputs["b"]])
    model = keras.Model(inputs, {"sum": L.Dense(1)(x), "all": [x, L.Dense(2)(x)]})
    given = {"a": np.ones((4, 3), "float32"), "b": np.zeros((4, 2), "float32")}
    found, expected = graphc_flax.to_nnx(model)(given), model(given)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(assert_close, found, expected)


def test_seeds_that_are_not_the_models_own():
    class Noisy(keras.Model):
        def call(self, x: Any) -> Any:
            return x + keras.random.normal((2,))

    model = Noisy()
    x = np.zeros((3, 2), "float32")
    model(x)
    module = graphc_flax.to_nnx(model)
    assert np.abs(module(x) - module(x)).max() > 0
    with pytest.raises(ValueError, match=r"not its own.*Received: .*seed_generator_state"):
        nnx.jit(lambda module, x: module(x))(module, x)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (Subclassed, ValueError, "Expected a built model.*Received: <Subclassed"),
        (lambda: nnx.Linear(2, 2, rngs=nnx.Rngs(0)), TypeError, "Received: Linear"),
    ],
)
def test_what_cannot_be_converted(given, error, message):
    with pytest.raises(error, match=message):
        graphc_flax.to_nnx(given())
