"""Loops, branches and maps: the same on arrays, traced, in models; equal to Keras's."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from graphc import keras as ours
from graphc.keras.engine.scope import TraceScope, entered
from graphc.lower import default_target, lower, plan
from graphc.spec import spec_of

pytestmark = pytest.mark.oracle
X = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
W = np.random.default_rng(1).normal(size=(3, 3)).astype("float32") / 2

FUNCTIONS = {
    "scan": lambda k, x, w: k.ops.scan(
        lambda c, row: (k.ops.tanh(k.ops.matmul(c, w) + row), c * 2), k.ops.zeros((3,)), x
    ),
    "scan_reverse": lambda k, x, w: k.ops.scan(
        lambda c, row: (c + row, c), k.ops.ones((3,)), x, reverse=True, unroll=2
    ),
    "scan_unrolled": lambda k, x, w: k.ops.scan(
        lambda c, row: (c + row, c), k.ops.ones((3,)), x, unroll=True
    )[0],
    "scan_length": lambda k, x, w: k.ops.scan(
        lambda c, _: (k.ops.matmul(w, c), None), x[0], length=4
    )[0],
    "scan_structure": lambda k, x, w: k.ops.scan(
        lambda c, row: ({"a": c["a"] + row["p"], "b": c["b"] + 1}, [row["q"], c["b"]]),
        {"a": x[0], "b": k.ops.array(0)},
        {"p": x, "q": x * 2},
    ),
    "scan_nested": lambda k, x, w: k.ops.scan(
        lambda c, row: (
            k.ops.scan(lambda d, r: (d * 0.5 + k.ops.sum(r * w) + row, None), c, w)[0],
            c,
        ),
        k.ops.zeros((3,)),
        x,
    ),
    "map": lambda k, x, w: k.ops.map(lambda row: k.ops.matmul(w, row), x),
    "map_structure": lambda k, x, w: k.ops.map(lambda p: {"s": p[0] + p[1]}, [x, x * 3])["s"],
    "fori": lambda k, x, w: k.ops.fori_loop(0, 4, lambda i, v: v + k.ops.matmul(v, w), x),
    "fori_index": lambda k, x, w: k.ops.fori_loop(1, 4, lambda i, v: v + x[i], x[0]),
    "fori_empty": lambda k, x, w: k.ops.fori_loop(3, 1, lambda i, v: v + 1, x),
    "while": lambda k, x, w: k.ops.while_loop(
        lambda i, v: k.ops.sum(k.ops.square(v)) < 1e3, lambda i, v: (i + 1, v * 2 + w[0]), (0, x)
    ),
    "while_limit": lambda k, x, w: k.ops.while_loop(
        lambda v: k.ops.sum(v) > -1e9, lambda v: v + 1, x, maximum_iterations=3
    ),
    "while_list": lambda k, x, w: k.ops.while_loop(
        lambda i, v: i < 3, lambda i, v: [i + 1, v + 1.0], [0, x]
    ),
    "cond_true": lambda k, x, w: k.ops.cond(
        k.ops.sum(w) > -100.0, lambda: x * 2, lambda: k.ops.square(x)
    ),
    "cond_false": lambda k, x, w: k.ops.cond(
        k.ops.sum(w) > 100.0, lambda: {"y": x * 2}, lambda: {"y": k.ops.matmul(x, w)}
    )["y"],
    "switch": lambda k, x, w: k.ops.switch(
        k.ops.cast(k.ops.sum(w) * 0 + 2, "int32"), [k.ops.exp, k.ops.sin, k.ops.cos], x
    ),
    "switch_clamped": lambda k, x, w: k.ops.switch(
        k.ops.cast(k.ops.sum(w) * 0 + 9, "int32"), [lambda v: v, lambda v: v * w[0]], x
    ),
    "vectorized_map": lambda k, x, w: k.ops.vectorized_map(lambda row: k.ops.matmul(w, row), x),
    "vectorized_map_list": lambda k, x, w: k.ops.vectorized_map(lambda e: e[0] * e[1], [x, x + 1]),
    "associative_scan": lambda k, x, w: k.ops.associative_scan(k.ops.add, x),
    "associative_scan_axis": lambda k, x, w: k.ops.associative_scan(k.ops.maximum, x, axis=-1),
    "associative_scan_reverse": lambda k, x, w: k.ops.associative_scan(
        lambda a, b: [a[0] * b[0], a[1] * b[0] + b[1]], [x, x * 2], reverse=True
    ),
}


def leaves(result):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(result)]


def same(found, expected):
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(leaves(found), leaves(expected), strict=True):
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def traced(function, *arrays):
    """The lowered graph of a function of arrays, and what it returned."""
    scope = TraceScope()
    with entered(scope):
        result = function(ours, *(scope.input(spec_of(array)) for array in arrays))
    flat, shape = jax.tree.flatten(result)
    graph = scope.builder.finish([scope.as_value(leaf) for leaf in flat], scope.updates())
    run = lower(graph, plan(graph, default_target()))
    return lambda *given: jax.tree.unflatten(shape, run((), (), given)[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_on_arrays(keras, name):
    same(FUNCTIONS[name](ours, jnp.asarray(X), W), FUNCTIONS[name](keras, jnp.asarray(X), W))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_traced(keras, name):
    run = traced(FUNCTIONS[name], X, W)
    expected = FUNCTIONS[name](keras, jnp.asarray(X), jnp.asarray(W))
    same(run(X, W), expected)
    same(jax.jit(run)(X, W), expected)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("while")])
def test_gradients(keras, name):
    run = traced(FUNCTIONS[name], X, W)

    def total(function):
        def of(x, w):
            floats = [y for y in jax.tree.leaves(function(x, w)) if y.dtype == jnp.float32]
            return sum(jnp.sum(jnp.sin(y)) for y in floats)

        return jax.grad(of, (0, 1))(jnp.asarray(X), jnp.asarray(W))

    same(total(run), total(lambda x, w: FUNCTIONS[name](keras, x, w)))


@pytest.mark.parametrize("name", ["scan", "map", "fori", "while_limit", "switch"])
def test_symbolic(keras, name):
    shapes = []
    for library in (keras, ours):
        tensor = library.KerasTensor((5, 3))
        result = FUNCTIONS[name](library, tensor, W)
        shapes.append([(tuple(leaf.shape), str(leaf.dtype)) for leaf in jax.tree.leaves(result)])
    assert shapes[0] == shapes[1]


class Accumulator(ours.layers.Layer):
    """Runs its rows through a loop that reads one variable and assigns another."""

    def build(self, input_shape):
        self.kernel = self.add_weight((input_shape[-1],), "ones", name="kernel")
        self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")

    def call(self, x):
        def step(carry, row):
            self.count.assign_add(1)
            return carry + row * self.kernel, carry

        ops = ours.ops
        steps = ops.transpose(x, (1, 0, 2))
        return ops.scan(step, ops.zeros_like(x[:, 0]), steps)[0]


def test_layer_with_loop_trains():
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype("float32")
    inputs = ours.Input((5, 3))
    model = ours.Model(inputs, Accumulator()(inputs))
    model.compile(ours.optimizers.SGD(0.05), "mse")
    model.fit(x, 2 * x.sum(1), batch_size=4, epochs=60, verbose=0)
    layer = model.layers[-1]
    np.testing.assert_allclose(layer.kernel.numpy(), 2, atol=0.05)
    assert int(layer.count.numpy()) == 60 * 2 * 5
    assert "scan" in str(model.explain())


def test_loops_inside_functional_models():
    inputs = ours.Input((4, 3))
    rows = ours.ops.map(lambda row: row * 2, inputs)
    looped = ours.ops.fori_loop(0, 3, lambda i, v: v + 1, rows)
    model = ours.Model(inputs, looped)
    x = np.ones((6, 4, 3), "float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), 2 * x + 3)


def test_equal_bodies_are_equal():
    texts = [str(traced_graph(factor)) for factor in (2.0, 2.0, 3.0)]
    assert texts[0] == texts[1]
    bodies = [body_of(factor) for factor in (2.0, 2.0, 3.0)]
    assert bodies[0] == bodies[1] != bodies[2]


def traced_graph(factor):
    scope = TraceScope()
    with entered(scope):
        x = scope.input(spec_of(X))
        result = ours.ops.map(lambda row: row * factor, x)
    return scope.builder.finish([scope.as_value(result)])


def body_of(factor):
    return next(n for n in traced_graph(factor).nodes if n.op == "core.scan").attrs["body"]


BAD = {
    "no_function": (lambda o: o.scan(3, X[0], X), TypeError),
    "no_length": (lambda o: o.scan(lambda c, x: (c, x), X[0]), ValueError),
    "bad_unroll": (lambda o: o.scan(lambda c, x: (c, x), X[0], X, unroll=0), ValueError),
    "associative_function": (lambda o: o.associative_scan(3, X), TypeError),
    "associative_lengths": (
        lambda o: o.associative_scan(lambda a, b: a, [X, X[:2]]),
        ValueError,
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name):
    call, error = BAD[name]
    with pytest.raises(error, match="Received"):
        call(ours.ops)


def test_branches_of_different_kinds():
    with pytest.raises(ValueError, match="same kind"):
        traced(lambda k, x: k.ops.cond(k.ops.sum(x) > 0, lambda: x, lambda: x[0]), X)
