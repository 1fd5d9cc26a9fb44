"""Gradients inside a graph: their numbers, what they leave out, and that nothing is there twice."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from graphc.body import every_node
from graphc.builder import Builder
from graphc.gradient import emit_gradient
from graphc.ir import Graph
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes import SHARE_FORWARD
from graphc.pipeline import Pipeline
from graphc.verify import verify
from tests.graphc.graphs import spec

RNG = np.random.default_rng(0)
X, W = RNG.normal(size=(4, 3)).astype("float32"), RNG.normal(size=(3, 2)).astype("float32")


def run(graph: Graph, *arrays: np.ndarray) -> tuple[jax.Array, ...]:
    verify(graph)
    return lower(graph, plan(graph, Target()))((), (), arrays)[0]


def two_layers(b: Builder) -> tuple:
    x, w = b.input(spec(4, 3), "x"), b.input(spec(3, 2), "w")
    hidden = b.emit("math.tanh", b.emit("linalg.matmul", x, w))
    return x, w, hidden, b.emit("reduce.sum", b.emit("math.multiply", hidden, hidden))


def expected(x: jax.Array, w: jax.Array) -> jax.Array:
    return (jnp.tanh(x @ w) ** 2).sum()


def test_it_is_jaxs_gradient() -> None:
    b = Builder()
    x, w, _, loss = two_layers(b)
    found = emit_gradient(b, loss, [w, x])
    for got, wanted in zip(
        run(b.finish(found), X, W), jax.grad(expected, (1, 0))(X, W), strict=True
    ):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_a_source_between_has_its_derivative_and_what_is_behind_it_its_own() -> None:
    b = Builder()
    _, w, hidden, loss = two_layers(b)
    found = emit_gradient(b, loss, [hidden, w])
    by_hidden, by_w = run(b.finish(found), X, W)
    np.testing.assert_allclose(by_hidden, 2 * np.tanh(X @ W), rtol=1e-5)
    np.testing.assert_allclose(by_w, jax.grad(expected, 1)(X, W), rtol=1e-5)


def test_none_for_what_the_target_does_not_depend_on() -> None:
    b = Builder()
    x, w, hidden, _ = two_layers(b)
    other = b.input(spec(2), "other")
    cut = b.emit("reduce.sum", b.emit("core.stop_gradient", hidden))
    place = b.emit("reduce.argmax", hidden, axis=-1)
    whole = b.emit("reduce.sum", b.emit("core.cast", place, dtype="float32"))
    assert emit_gradient(b, cut, [w, x]) == [None, None]
    assert emit_gradient(b, whole, [w]) == [None]
    assert emit_gradient(b, b.emit("reduce.sum", other), [w]) == [None]


def test_what_is_used_beside_the_gradient_comes_out_of_it() -> None:
    b = Builder()
    _, w, hidden, loss = two_layers(b)
    (slope,) = emit_gradient(b, loss, [w])
    shown = b.emit("reduce.max", hidden)
    graph = b.finish([loss, slope, shown])
    shared, events = SHARE_FORWARD(graph)
    assert len(events) == 1
    assert [node.op for node in shared.nodes if node.op.startswith("linalg")] == []
    assert sum(node.op == "linalg.matmul" for node in every_node(shared)) == 1
    for got, wanted in zip(run(shared, X, W), run(graph, X, W), strict=True):
        np.testing.assert_array_equal(got, wanted)
    again, events = SHARE_FORWARD(shared)
    assert again is shared and events == ()


def test_near_miss_nothing_is_shared_with_what_leads_to_the_gradient() -> None:
    """A loss scaled by its own size: the scale is computed from what the body computes, too."""
    b = Builder()
    _, w, hidden, loss = two_layers(b)
    scale = b.emit("core.stop_gradient", b.emit("reduce.max", hidden))
    (slope,) = emit_gradient(b, b.emit("math.multiply", loss, scale), [w])
    graph = b.finish([slope])
    assert SHARE_FORWARD(graph)[0] is graph
    (got,) = run(graph, X, W)
    size = np.tanh(X @ W).max()
    np.testing.assert_allclose(got, size * jax.grad(expected, 1)(X, W), rtol=1e-5)


def test_two_gradients_that_use_each_others_forward_pass_make_no_cycle() -> None:
    b = Builder()
    x, w = b.input(spec(4, 3), "x"), b.input(spec(3, 2), "w")
    one = b.emit("math.tanh", b.emit("linalg.matmul", x, w))
    v = b.input(spec(4, 2), "v")
    two = b.emit("math.sin", v)
    both = b.emit("reduce.sum", b.emit("math.multiply", one, two))
    (by_w,) = emit_gradient(b, both, [w])
    (by_v,) = emit_gradient(b, both, [v])
    graph = b.finish([by_w, by_v, both, b.emit("reduce.sum", one), b.emit("reduce.sum", two)])
    shared = Pipeline()(graph, "train")
    third = RNG.normal(size=(4, 2)).astype("float32")
    for got, wanted in zip(run(shared, X, W, third), run(graph, X, W, third), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_passes_look_into_gradients() -> None:
    b = Builder()
    x, w, t = b.input(spec(4, 3), "x"), b.input(spec(3, 2), "w"), b.input(spec(4, 2), "t")
    p = b.emit("nn.softmax", b.emit("linalg.matmul", x, w))
    loss = b.emit("reduce.sum", b.emit("nn.categorical_crossentropy", t, p, from_logits=False))
    graph = Pipeline()(b.finish(emit_gradient(b, loss, [w])), "train")
    fused = [n for n in every_node(graph) if n.op == "nn.categorical_crossentropy"]
    assert [node.attrs["from_logits"] for node in fused] == [True]
