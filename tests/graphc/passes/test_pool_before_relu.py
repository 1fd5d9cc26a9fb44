"""`pool_before_relu`: before and expected as code, equal bits, near misses with reasons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph
from graphc.kernels.registry import TIERS, Target
from graphc.lower import lower, plan
from graphc.passes.pool_before_relu import POOL_BEFORE_RELU, ROUNDED, ROUNDING
from tests.graphc.graphs import assert_same_structure, ops_of, spec

POOL = {"pool_size": 2, "strides": 2, "padding": "valid"}
POOLS: dict[str, dict[str, Any]] = {
    "disjoint": POOL,
    "overlapping": {"pool_size": 3, "strides": 2, "padding": "valid"},
    "padded": {"pool_size": (3, 2), "strides": (2, 3), "padding": "same"},
    "gaps": {"pool_size": 1, "strides": 3, "padding": "same"},
    "channels_first": {**POOL, "data_format": "channels_first"},
}
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "relu": ("nn.relu", {}),
    "relu_to_6": ("nn.relu", {"max_value": 6}),
    "relu6": ("nn.relu6", {}),
}
SHAPE = (2, 6, 6, 4)


def before(activation: str, pool: str) -> Graph:
    op, attrs = ACTIVATIONS[activation]
    b = Builder()
    x = b.param(spec(*SHAPE), "x")
    return b.finish([b.emit("nn.max_pool", b.emit(op, x, **attrs), **POOLS[pool])])


def expected(activation: str, pool: str) -> Graph:
    op, attrs = ACTIVATIONS[activation]
    b = Builder()
    x = b.param(spec(*SHAPE), "x")
    return b.finish([b.emit(op, b.emit("nn.max_pool", x, **POOLS[pool]), **attrs)])


def _both(graph: Graph, x: np.ndarray, tiers: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the result and its derivative along a cotangent that differs everywhere."""
    run = lower(graph, plan(graph, Target("cpu", tiers)))
    result, pull = jax.vjp(lambda x: run((x,), (), ())[0][0], x)
    cotangent = np.linspace(0.5, 1.7, result.size, dtype=x.dtype).reshape(result.shape)
    return np.asarray(result), np.asarray(pull(cotangent)[0])


def _assert_same_bits(graph: Graph, x: np.ndarray, tiers: tuple[str, ...]) -> None:
    after, _ = POOL_BEFORE_RELU(graph)
    for one, other in zip(_both(graph, x, tiers), _both(after, x, tiers), strict=True):
        np.testing.assert_array_equal(other.view(np.int32), one.view(np.int32))


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_graph_is_as_expected(activation: str, pool: str) -> None:
    after, events = POOL_BEFORE_RELU(before(activation, pool))
    assert_same_structure(after, expected(activation, pool))
    assert [event.reason for event in events] == [None]


@pytest.mark.parametrize("tiers", [("reference",), TIERS], ids=["reference", "fused"])
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_bits_are_the_same(activation: str, pool: str, tiers: tuple[str, ...]) -> None:
    x = np.random.default_rng(0).uniform(-8.0, 8.0, SHAPE).astype("float32")
    _assert_same_bits(before(activation, pool), x, tiers)


@pytest.mark.parametrize("tiers", [("reference",), TIERS], ids=["reference", "fused"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ties_zeros_and_limits_give_the_same_bits(activation: str, tiers: tuple[str, ...]) -> None:
    values = np.array([-np.inf, -2.0, -1.0, -0.0, 0.0, 1.0, 1.0, 6.0, 7.0], "float32")
    x = np.random.default_rng(1).choice(values, SHAPE)
    for pool in POOLS:
        _assert_same_bits(before(activation, pool), x, tiers)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_nan_gives_the_same_bits(activation: str) -> None:
    """With the kernel that gives a NaN the gradient of its window."""
    x = np.random.default_rng(2).choice(np.array([np.nan, -1.0, 0.0, 1.0, 7.0], "float32"), SHAPE)
    _assert_same_bits(before(activation, "disjoint"), x, TIERS)
    result, _ = _both(before(activation, "disjoint"), x, TIERS)
    assert np.isnan(result).any()


def test_whole_numbers_are_pooled_first_too() -> None:
    b = Builder()
    x = b.input(spec(*SHAPE, dtype="int32"))
    graph = b.finish([b.emit("nn.max_pool", b.emit("nn.relu", x), **POOL)])
    after, _ = POOL_BEFORE_RELU(graph)
    assert ops_of(after) == ["nn.max_pool", "nn.relu"]


def test_each_keeps_its_layer() -> None:
    b = Builder()
    x = b.param(spec(*SHAPE))
    b.scope, b.source = "conv", "a.py:1"
    activated = b.emit("nn.relu", x)
    b.scope, b.source = "pool", "a.py:2"
    after, _ = POOL_BEFORE_RELU(b.finish([b.emit("nn.max_pool", activated, **POOL)]))
    places = [(node.op, node.scope, node.source) for node in after.nodes[1:]]
    assert places == [("nn.max_pool", "pool", "a.py:2"), ("nn.relu", "conv", "a.py:1")]


def test_the_pool_sinks_through_several() -> None:
    b = Builder()
    x = b.param(spec(*SHAPE))
    twice = b.emit("nn.relu6", b.emit("nn.relu", x))
    after, events = POOL_BEFORE_RELU(b.finish([b.emit("nn.max_pool", twice, **POOL)]))
    assert ops_of(after) == ["nn.max_pool", "nn.relu", "nn.relu6"] and len(events) == 2


def _reason(op: str, attrs: dict[str, Any], dtype: str = "float32") -> str | None:
    b = Builder()
    activated = b.emit(op, b.input(spec(*SHAPE, dtype=dtype)), **attrs)
    graph = b.finish([b.emit("nn.max_pool", activated, **POOL)])
    after, (event,) = POOL_BEFORE_RELU(graph)
    assert after is graph
    return event.reason


DECLINED: list[tuple[str, dict[str, Any], str]] = [
    ("nn.relu", {"negative_slope": 0.1}, f"the slope is 0.1: {ROUNDING}"),
    ("nn.relu", {"threshold": 1.0}, "below the threshold 1.0 a NaN would become 0"),
    ("nn.relu", {"max_value": 4.0}, "at the limit 4.0 the derivative is not 0"),
    *((op, {}, ROUNDING) for op in ROUNDED),
]


@pytest.mark.parametrize(("op", "attrs", "reason"), DECLINED, ids=str)
def test_near_misses_are_left_alone(op: str, attrs: dict[str, Any], reason: str) -> None:
    assert _reason(op, attrs) == reason


def test_a_change_of_dtype_is_left_alone() -> None:
    assert _reason("nn.relu", {}, "bool") == "the activation changes the dtype"


def test_an_activation_that_is_used_elsewhere_is_left_alone() -> None:
    b = Builder()
    activated = b.emit("nn.relu", b.param(spec(*SHAPE)))
    graph = b.finish([b.emit("nn.max_pool", activated, **POOL), activated])
    after, (event,) = POOL_BEFORE_RELU(graph)
    assert after is graph and event.reason == "the result of nn.relu is used elsewhere too"


def test_other_pools_and_other_activations_are_other_patterns() -> None:
    b = Builder()
    x = b.param(spec(*SHAPE))
    average = b.emit("nn.average_pool", b.emit("nn.relu", x), **POOL)
    wave = b.emit("nn.max_pool", b.emit("math.sin", x), **POOL)
    graph = b.finish([average, wave])
    after, events = POOL_BEFORE_RELU(graph)
    assert after is graph and events == ()


def test_it_declares_what_it_does() -> None:
    assert POOL_BEFORE_RELU.name == "pool_before_relu"
    assert POOL_BEFORE_RELU.numerics == "exact"
    assert POOL_BEFORE_RELU.modes == ("train", "infer")
