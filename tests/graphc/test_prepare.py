"""`prepare`: the two graphs as code, equal bits, and results that are never stale."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras
from graphc.builder import Builder
from graphc.executable import Executable
from graphc.ir import Graph
from graphc.prepare import MIN_BYTES, Prepared, split
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

WIDTH = 128  # a kernel of 128 x 128 numbers is worth preparing


def whole(width: int = WIDTH) -> Graph:
    """Return a product with a kernel scaled by statistics."""
    b = Builder()
    kernel, gamma = b.param(spec(width, width), "kernel"), b.param(spec(width), "gamma")
    variance = b.state(spec(width), "variance")
    scale = b.emit("math.multiply", gamma, b.emit("math.sqrt", variance))
    x = b.input(spec(4, width), "x")
    return b.finish([b.emit("nn.dense", x, b.emit("math.multiply", kernel, scale), gamma)])


def prepare() -> Graph:
    b = Builder()
    kernel, gamma = b.param(spec(WIDTH, WIDTH)), b.param(spec(WIDTH))
    variance = b.state(spec(WIDTH))
    scale = b.emit("math.multiply", gamma, b.emit("math.sqrt", variance))
    return b.finish([b.emit("math.multiply", kernel, scale)])


def serve() -> Graph:
    b = Builder()
    b.param(spec(WIDTH, WIDTH))
    gamma, scaled = b.param(spec(WIDTH)), b.param(spec(WIDTH, WIDTH))
    b.state(spec(WIDTH))
    return b.finish([b.emit("nn.dense", b.input(spec(4, WIDTH)), scaled, gamma)])


def test_the_graphs_are_as_expected() -> None:
    first, second = split(whole())
    assert_same_structure(first, prepare())
    assert_same_structure(second, serve())


def test_together_they_compute_the_same_bits() -> None:
    graph = whole()
    params, state, inputs = numbers(graph, 0, 0.5, 2.0)
    first, second = split(graph)
    results, _ = run(first, (params, state, ()))
    ours, _ = run(second, ((*params, *results), state, inputs))
    theirs, _ = run(graph, (params, state, inputs))
    np.testing.assert_array_equal(ours[0], theirs[0])


def test_little_work_stays() -> None:
    graph = whole(8)
    first, second = split(graph)
    assert second is graph and first.outputs == ()


def test_a_reshape_alone_stays() -> None:
    b = Builder()
    kernel = b.emit("shape.reshape", b.param(spec(WIDTH, 4, WIDTH)), newshape=(WIDTH, 4 * WIDTH))
    graph = b.finish([b.emit("nn.dense", b.input(spec(4, WIDTH)), kernel, None)])
    assert split(graph)[1] is graph


def test_a_large_cast_is_prepared_and_the_reshape_after_it() -> None:
    b = Builder()
    half = b.emit("core.cast", b.param(spec(WIDTH, 4, WIDTH)), dtype="float16")
    assert 2 * WIDTH * 4 * WIDTH > MIN_BYTES
    kernel = b.emit("shape.reshape", half, newshape=(WIDTH, 4 * WIDTH))
    x = b.input(spec(4, WIDTH, dtype="float16"))
    first, second = split(b.finish([b.emit("nn.dense", x, kernel, None)]))
    assert [node.op for node in first.nodes[1:]] == ["core.cast", "shape.reshape"]
    assert ops_of(second) == ["nn.dense"]


def test_state_that_a_call_changes_is_no_weight() -> None:
    b = Builder()
    state = b.state(spec(WIDTH, WIDTH))
    graph = b.finish([b.emit("math.exp", state)], [b.emit("math.add", state, 1.0)])
    assert split(graph)[1] is graph


def test_outputs_of_weights_alone_are_prepared() -> None:
    b = Builder()
    graph = b.finish([b.emit("math.exp", b.param(spec(WIDTH, WIDTH))), b.input(spec(2))])
    first, second = split(graph)
    assert ops_of(first) == ["math.exp"] and ops_of(second) == []


class Counting:
    """Runs a graph and counts how often."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.calls = graph, 0

    def __call__(self, params: Any, state: Any, inputs: Any) -> Any:
        self.calls += 1
        outputs, updates = run(self.graph, (params, state, inputs))
        return tuple(jnp.asarray(output) for output in outputs), updates


def _weights(seed: int = 0) -> tuple[Any, Any]:
    params, state, _ = numbers(whole(), seed, 0.5, 2.0)
    return tuple(map(jnp.asarray, params)), tuple(map(jnp.asarray, state))


def test_weights_are_prepared_once_and_anew_when_one_changes() -> None:
    counting = Counting(split(whole())[0])
    prepared = Prepared(counting.graph, counting)
    params, state = _weights()
    first = prepared(params, state)
    assert prepared(params, state) is first and counting.calls == 1
    assert prepared((params[0], params[1] + 1), state) is not first and counting.calls == 2
    assert prepared(params, (state[0] * 2,)) is not first and counting.calls == 3


def test_equal_weights_in_other_arrays_are_prepared_anew() -> None:
    counting = Counting(split(whole())[0])
    prepared = Prepared(counting.graph, counting)
    params, state = _weights()
    prepared(params, state)
    prepared((jnp.array(params[0]), params[1]), state)
    assert counting.calls == 2


def test_what_was_prepared_dies_with_a_weight() -> None:
    prepared = Prepared(split(whole())[0], Counting(split(whole())[0]))
    params, state = _weights()
    (result,) = prepared(params, state)
    died = weakref.ref(result)
    del result
    assert died() is not None
    del params
    gc.collect()
    assert died() is None and state[0].shape == (WIDTH,)


def test_arrays_that_could_change_are_not_kept() -> None:
    counting = Counting(split(whole())[0])
    prepared = Prepared(counting.graph, counting)
    params, state, _ = numbers(whole(), 0, 0.5, 2.0)
    assert prepared(params, state) is None and counting.calls == 0


def test_tracers_are_not_kept() -> None:
    counting = Counting(split(whole())[0])
    prepared = Prepared(counting.graph, counting)
    params, state = _weights()

    def traced(params: Any) -> Any:
        assert prepared(params, state) is None
        return params[0].sum()

    jax.grad(traced)(params)
    jax.jit(traced)(params)
    assert counting.calls == 0


def test_what_a_traced_caller_prepares_is_concrete() -> None:
    executable = Executable(whole())
    params, state = _weights()
    x = jnp.ones((4, WIDTH))
    traced = jax.jit(lambda x: executable.serve(params, state, (x,))[0][0])(x)
    (again,), _ = executable.serve(params, state, (x,))
    (plain,), _ = executable.run(params, state, (x,))
    np.testing.assert_allclose(traced, plain, rtol=1e-5)
    np.testing.assert_allclose(again, plain, rtol=1e-5)


def _normalized_model() -> Any:
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(WIDTH), keras.layers.BatchNormalization(), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((WIDTH,)), *layers])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@pytest.mark.parametrize("change", ["fit", "set_weights", "assign"])
def test_a_model_never_predicts_with_old_weights(change: str) -> None:
    model = _normalized_model()
    x = np.random.default_rng(0).normal(size=(8, WIDTH)).astype("float32")
    before = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    if change == "fit":
        model.fit(x, np.ones((8, 1)), epochs=1, verbose=0)
    elif change == "set_weights":
        model.set_weights([weight + 0.5 for weight in model.get_weights()])
    else:
        model.layers[0].kernel.assign(model.layers[0].kernel + 0.5)
    fresh = keras.models.clone_model(model)
    fresh.set_weights(model.get_weights())
    after = model.predict(x, verbose=0)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, fresh.predict(x, verbose=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model(x), after, rtol=1e-5, atol=1e-6)
