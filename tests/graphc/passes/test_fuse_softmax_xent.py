"""`fuse_softmax_xent`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes import FUSE_SOFTMAX_XENT
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

ROWS, CLASSES = 6, 5
# Logits in [-2, 2] give probabilities far inside the clip [1e-7, 1 - 1e-7]: the two forms are the
# same algebra there and differ by rounding alone.
TOLERANCE = 2e-6

KINDS = {
    "categorical": ("nn.categorical_crossentropy", "nn.softmax", {"axis": -1}),
    "sparse": ("nn.sparse_categorical_crossentropy", "nn.softmax", {"axis": -1}),
    "binary": ("nn.binary_crossentropy", "nn.sigmoid", {}),
}


def _target(b: Builder, kind: str) -> Any:
    sparse = kind == "sparse"
    return b.input(spec(ROWS, dtype="int32") if sparse else spec(ROWS, CLASSES), "target")


def before(kind: str, dtype: str = "float32") -> Graph:
    loss, activation, attrs = KINDS[kind]
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES, dtype=dtype), "logits"), _target(b, kind)
    probabilities = b.emit(activation, logits, **attrs)
    return b.finish([b.emit(loss, target, probabilities, from_logits=False)])


def expected(kind: str, dtype: str = "float32") -> Graph:
    loss, _, _ = KINDS[kind]
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES, dtype=dtype), "logits"), _target(b, kind)
    return b.finish([b.emit(loss, target, logits, from_logits=True)])


def _arguments(kind: str, seed: int = 0, low: float = -2.0, high: float = 2.0) -> Any:
    """Logits in [low, high) and targets that are classes, distributions or bits."""
    rng = np.random.default_rng(seed)
    logits = rng.uniform(low, high, (ROWS, CLASSES)).astype("float32")
    targets = {
        "sparse": rng.integers(0, CLASSES, ROWS).astype("int32"),
        "categorical": rng.dirichlet(np.ones(CLASSES), ROWS).astype("float32"),
        "binary": rng.integers(0, 2, (ROWS, CLASSES)).astype("float32"),
    }
    return (logits,), (), (targets[kind],)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_graph_is_as_expected(kind: str, dtype: str) -> None:
    after, events = FUSE_SOFTMAX_XENT(before(kind, dtype))
    assert_same_structure(after, expected(kind, dtype))
    assert [event.reason for event in events] == [None]


def cast_before(kind: str, narrow: str = "bfloat16", wide: str = "float32") -> Graph:
    """The probabilities are made in one dtype, the loss in another."""
    loss, activation, attrs = KINDS[kind]
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES, dtype=narrow), "logits"), _target(b, kind)
    probabilities = b.emit("core.cast", b.emit(activation, logits, **attrs), dtype=wide)
    return b.finish([b.emit(loss, target, probabilities, from_logits=False)])


def cast_expected(kind: str, narrow: str = "bfloat16", wide: str = "float32") -> Graph:
    loss, _, _ = KINDS[kind]
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES, dtype=narrow), "logits"), _target(b, kind)
    return b.finish(
        [b.emit(loss, target, b.emit("core.cast", logits, dtype=wide), from_logits=True)]
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("narrow", ["float16", "bfloat16"])
def test_the_cast_of_mixed_precision_comes_first(kind: str, narrow: str) -> None:
    after, events = FUSE_SOFTMAX_XENT(cast_before(kind, narrow))
    assert_same_structure(after, cast_expected(kind, narrow))
    assert [event.reason for event in events] == [None]


@pytest.mark.parametrize("kind", KINDS)
def test_in_mixed_precision_only_the_rounding_of_the_probabilities_goes(kind: str) -> None:
    (logits,), _, targets = _arguments(kind)
    logits = np.asarray(jax.numpy.asarray(logits, "bfloat16"))
    (before_,), _ = run(cast_before(kind), ((logits,), (), targets))
    (after,), _ = run(FUSE_SOFTMAX_XENT(cast_before(kind))[0], ((logits,), (), targets))
    (exact,), _ = run(expected(kind), ((logits.astype("float32"),), (), targets))
    np.testing.assert_array_equal(after, exact)
    np.testing.assert_allclose(before_, exact, atol=3 * 2.0**-8)


def test_a_cast_that_loses_numbers_is_left_alone() -> None:
    graph = cast_before("categorical", "float32", "float16")
    after, (event,) = FUSE_SOFTMAX_XENT(graph)
    assert after is graph and event.reason == "float16 cannot hold every float32"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_the_same_away_from_saturation(kind: str, seed: int) -> None:
    arguments = _arguments(kind, seed)
    after, _ = FUSE_SOFTMAX_XENT(before(kind))
    (one,), _ = run(before(kind), arguments)
    (other,), _ = run(after, arguments)
    np.testing.assert_allclose(other, one, rtol=TOLERANCE, atol=TOLERANCE)


def _gradient(graph: Graph, arguments: Any) -> np.ndarray:
    lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
    params, state, inputs = arguments
    return np.asarray(jax.grad(lambda p: lowered(p, state, inputs)[0][0].sum())(params)[0])


def _exact_gradient(kind: str, arguments: Any) -> np.ndarray:
    """The derivative of the summed loss by the logits in float64: activation minus target."""
    ((logits,), _, (target,)) = arguments
    z = logits.astype("float64")
    if kind == "binary":
        return 1 / (1 + np.exp(-z)) - target
    e = np.exp(z - z.max(-1, keepdims=True))
    t = np.eye(CLASSES)[target] if kind == "sparse" else target.astype("float64")
    return e / e.sum(-1, keepdims=True) * t.sum(-1, keepdims=True) - t


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_the_exact_one_with_and_without_the_pass(kind: str) -> None:
    arguments = _arguments(kind)
    exact = _exact_gradient(kind, arguments)
    after, _ = FUSE_SOFTMAX_XENT(before(kind))
    for graph in (before(kind), after):
        np.testing.assert_allclose(_gradient(graph, arguments), exact, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_at_saturation_the_loss_is_true_and_the_gradient_does_not_vanish(kind: str) -> None:
    """The documented difference: unfused, probabilities are clipped and the gradient is lost."""
    (logits,), _, (target,) = _arguments(kind)
    logits = np.full_like(logits, -60.0)
    logits[:, 0] = 60.0
    if kind == "sparse":
        target = np.ones_like(target)
    elif kind == "categorical":
        target = np.eye(CLASSES, dtype="float32")[np.ones(ROWS, int)]
    else:
        target = 1.0 - (logits > 0).astype("float32")
    arguments = ((logits,), (), (target,))
    after, _ = FUSE_SOFTMAX_XENT(before(kind))
    (clipped,), _ = run(before(kind), arguments)
    (true,), _ = run(after, arguments)
    assert clipped.max() < 17.0, "-log(1e-7) is the most that a clipped probability can cost"
    np.testing.assert_allclose(true, np.full_like(true, 60.0 if kind == "binary" else 120.0))
    assert np.abs(_gradient(before(kind), arguments)).max() == 0.0
    exact = _exact_gradient(kind, arguments)
    np.testing.assert_allclose(_gradient(after, arguments), exact, atol=1e-6)


def test_probabilities_that_are_used_elsewhere_stay() -> None:
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    probabilities = b.emit("nn.softmax", logits, axis=-1)
    loss = b.emit("nn.categorical_crossentropy", target, probabilities, from_logits=False)
    graph = b.finish([loss, probabilities])
    after, _ = FUSE_SOFTMAX_XENT(graph)
    assert sorted(ops_of(after)) == ["nn.categorical_crossentropy", "nn.softmax"]
    assert after.outputs[0].node.inputs[1] == after.params[0]
    arguments = numbers(graph)
    for one, other in zip(run(graph, arguments)[0], run(after, arguments)[0], strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2, -1, -2])
def test_equal_axes_are_equal_however_they_are_counted(axis: int) -> None:
    b = Builder()
    logits, target = b.param(spec(2, 3, 4)), b.input(spec(2, 3, 4))
    probabilities = b.emit("nn.softmax", logits, axis=axis % 3)
    loss = b.emit(
        "nn.categorical_crossentropy", target, probabilities, from_logits=False, axis=axis
    )
    graph = b.finish([loss])
    after, _ = FUSE_SOFTMAX_XENT(graph)
    assert ops_of(after) == ["nn.categorical_crossentropy"]
    arguments = numbers(graph)
    np.testing.assert_allclose(
        run(after, arguments)[0][0], run(graph, arguments)[0][0], rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("axis", [0, (0, 1)], ids=str)
def test_softmax_over_another_axis_is_left_alone(axis: Any) -> None:
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    probabilities = b.emit("nn.softmax", logits, axis=axis)
    graph = b.finish(
        [b.emit("nn.categorical_crossentropy", target, probabilities, from_logits=False)]
    )
    after, events = FUSE_SOFTMAX_XENT(graph)
    assert after is graph
    reason = f"softmax is over axis {axis}, the cross-entropy over axis -1"
    assert [event.reason for event in events] == [reason]


def _already_logits(b: Builder) -> Graph:
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    softmax = b.emit("nn.softmax", logits, axis=-1)
    return b.finish([b.emit("nn.categorical_crossentropy", target, softmax, from_logits=True)])


def _wrong_pair(b: Builder) -> Graph:
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    softmax = b.emit("nn.softmax", logits, axis=-1)
    return b.finish([b.emit("nn.binary_crossentropy", target, softmax, from_logits=False)])


def _something_between(b: Builder) -> Graph:
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    scaled = b.emit("math.multiply", b.emit("nn.softmax", logits, axis=-1), 0.9)
    return b.finish([b.emit("nn.categorical_crossentropy", target, scaled, from_logits=False)])


def _softmax_of_the_target(b: Builder) -> Graph:
    target, given = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    softmax = b.emit("nn.softmax", target, axis=-1)
    return b.finish([b.emit("nn.categorical_crossentropy", softmax, given, from_logits=False)])


@pytest.mark.parametrize(
    "make", [_already_logits, _wrong_pair, _something_between, _softmax_of_the_target]
)
def test_what_is_another_pattern_is_left_alone(make: Any) -> None:
    graph = make(Builder())
    after, events = FUSE_SOFTMAX_XENT(graph)
    assert after is graph and events == ()


def test_the_fused_loss_keeps_layer_and_line() -> None:
    b = Builder()
    logits, target = b.param(spec(ROWS, CLASSES)), b.input(spec(ROWS, CLASSES))
    b.scope, b.source = "head", "a.py:1"
    probabilities = b.emit("nn.sigmoid", logits)
    b.scope, b.source = "loss", "a.py:2"
    graph = b.finish([b.emit("nn.binary_crossentropy", target, probabilities, from_logits=False)])
    node = FUSE_SOFTMAX_XENT(graph)[0].nodes[-1]
    assert (node.scope, node.source) == ("loss", "a.py:2")


def test_it_declares_what_it_does() -> None:
    assert FUSE_SOFTMAX_XENT.name == "fuse_softmax_xent"
    assert FUSE_SOFTMAX_XENT.numerics == "relaxed"
    assert FUSE_SOFTMAX_XENT.modes == ("train", "infer")
