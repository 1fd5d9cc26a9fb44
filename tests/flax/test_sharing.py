"""`to_nnx` shares weights: what one side sets, the other computes with, and copies are apart."""

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
from flax.errors import TraceContextError

from graphc import flax as graphc_flax
from graphc import keras

L = keras.layers
X = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 2)).astype("float32")


def pair(optimizer: str = "adam") -> tuple[Any, Any]:
    keras.utils.set_random_seed(2)
    layers = [keras.Input((4,)), L.Dense(3, "tanh", name="hidden"), L.Dense(2, name="out")]
    model = keras.Sequential(layers)
    model.compile(optimizer, "mse")
    return model, graphc_flax.to_nnx(model)


def predicted(model: Any) -> np.ndarray:
    return model.predict(X, verbose=0)


def assert_together(model: Any, module: Any) -> None:
    np.testing.assert_allclose(module(X), predicted(model), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(module.out.kernel[...], model.get_layer("out").kernel.numpy())


def fit(model: Any, module: Any) -> None:
    model.fit(X, Y, epochs=3, batch_size=4, verbose=0)


def set_weights(model: Any, module: Any) -> None:
    model.set_weights([w + 1.0 for w in model.get_weights()])


def assign_in_module(model: Any, module: Any) -> None:
    module.hidden.bias[...] = jnp.ones(3)
    module.out.kernel[0, 1] = 5.0
    module.out.bias.set_value(jnp.full((2,), 3.0))
    assert float(model.get_layer("out").kernel[0, 1]) == 5.0


def update_from_a_state(model: Any, module: Any) -> None:
    nnx.update(module, jax.tree.map(lambda w: w * 2 + 1, nnx.state(module, nnx.Param)))


def step_eagerly(model: Any, module: Any) -> None:
    optimizer = nnx.Optimizer(module, optax.adam(0.1), wrt=nnx.Param)
    optimizer.update(module, nnx.grad(lambda module: jnp.mean((module(X) - Y) ** 2))(module))


def assign_under_jit(model: Any, module: Any) -> None:
    @nnx.jit
    def moved(module: Any, by: Any) -> None:
        module.out.bias[...] = module.out.bias[...] + by

    moved(module, 2.0)


def assign_under_jit_with_donation(model: Any, module: Any) -> None:
    def moved(module: Any) -> None:
        module.out.bias[...] = module.out.bias[...] + 2.0

    nnx.jit(moved, donate_argnums=0)(module)


def merge_and_assign(model: Any, module: Any) -> None:
    merged = nnx.merge(*nnx.split(module))
    merged.out.bias[...] = jnp.ones(2)


CHANGES = [
    fit,
    set_weights,
    assign_in_module,
    update_from_a_state,
    step_eagerly,
    assign_under_jit,
    assign_under_jit_with_donation,
    merge_and_assign,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_on_one_side_is_seen_on_the_other(change):
    model, module = pair()
    before = predicted(model)
    change(model, module)
    assert np.abs(predicted(model) - before).max() > 1e-4
    assert_together(model, module)


def test_both_sides_train_in_turn():
    model, module = pair()
    optimizer = nnx.Optimizer(module, optax.adam(0.05), wrt=nnx.Param)

    @nnx.jit
    def step(module: Any, optimizer: Any) -> Any:
        value, gradients = nnx.value_and_grad(lambda m: jnp.mean((m(X) - Y) ** 2))(module)
        optimizer.update(module, gradients)
        return value

    losses = []
    for _ in range(3):
        model.fit(X, Y, epochs=2, verbose=0)
        losses.append(float(step(module, optimizer)))
        assert_together(model, module)
    assert losses[0] > losses[1] > losses[2]


def test_what_is_frozen_stays():
    keras.utils.set_random_seed(2)
    model = keras.Sequential([keras.Input((4,)), L.Dense(3, name="hidden"), L.Dense(2, name="out")])
    model.get_layer("hidden").trainable = False
    module = graphc_flax.to_nnx(model)
    before = model.get_weights()
    step_eagerly(model, module)
    moved = [np.abs(a - b).max() > 0 for a, b in zip(before, model.get_weights(), strict=True)]
    assert moved == [False, False, True, True]


def test_freezing_later_changes_what_the_call_does():
    model = keras.Sequential([keras.Input((4,)), L.BatchNormalization(name="norm")])
    module = graphc_flax.to_nnx(model)
    module.train()
    loose = module(X)
    model.get_layer("norm").trainable = False  # then it goes by its averages
    assert np.abs(module(X) - loose).max() > 1e-3
    np.testing.assert_allclose(module(X), model(X, training=True), rtol=1e-5, atol=1e-6)


def pickled(module: Any) -> Any:
    return pickle.loads(pickle.dumps(module))


COPIES = {
    "clone": nnx.clone,
    "deepcopy": copy.deepcopy,
    "pickle": pickled,
    "merged": lambda module: nnx.merge(
        nnx.graphdef(module), jax.tree.map(jnp.array, nnx.state(module))
    ),
}


@pytest.mark.parametrize("copied", COPIES)
def test_copies_have_weights_of_their_own(copied):
    model, module = pair()
    other = COPIES[copied](module)
    expected = np.asarray(module(X))
    np.testing.assert_allclose(other(X), expected, rtol=1e-6, atol=1e-7)
    fit(model, module)
    np.testing.assert_allclose(other(X), expected, rtol=1e-6, atol=1e-7)
    other.out.bias[...] = jnp.full((2,), 9.0)
    assert np.abs(other(X) - expected).min() > 1.0
    assert float(model.get_layer("out").bias[0]) != 9.0
    assert_together(model, module)


def test_a_saved_model_has_what_the_module_learned(tmp_path):
    model, module = pair()
    step_eagerly(model, module)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(predicted(loaded), predicted(model))
    np.testing.assert_allclose(module(X), predicted(loaded), rtol=1e-5, atol=1e-6)


def test_a_traced_value_never_reaches_the_model():
    model, module = pair()
    before = predicted(model)
    with pytest.raises(TraceContextError):
        jax.jit(module.out.bias.set_value)(jnp.ones(2))
    np.testing.assert_array_equal(predicted(model), before)


def test_a_wrong_shape_is_refused():
    module = pair()[1]
    with pytest.raises(ValueError, match=r"Received: value.shape=\(5,\)"):
        module.out.bias.set_value(jnp.ones(5))


def test_functional_transforms():
    module = pair()[1]
    graphdef, params, rest = nnx.split(module, nnx.Param, ...)

    @jax.jit
    def loss(params: Any, x: Any) -> Any:
        return jnp.mean((nnx.merge(graphdef, params, rest)(x) - Y) ** 2)

    gradients = jax.grad(loss)(params, X)
    expected = nnx.grad(lambda module: jnp.mean((module(X) - Y) ** 2))(module)
    for one, other in zip(jax.tree.leaves(gradients), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    rows = nnx.vmap(lambda module, row: module(row[None])[0], in_axes=(None, 0))(module, X)
    np.testing.assert_allclose(rows, module(X), rtol=1e-5, atol=1e-6)
