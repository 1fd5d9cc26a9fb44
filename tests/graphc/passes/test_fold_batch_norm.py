"""`fold_batch_norm`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.passes import FOLD_BATCH_NORM
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

CHANNELS = 4
EPSILON = 1e-3
# The scale moves from the activations to the weights: rounding alone, a few parts in 2**-24.
TOLERANCE = 2e-5
CONV = {"strides": 1, "padding": "same", "dilation_rate": 1, "groups": 1}
LINEAR: dict[str, tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "nn.dense": ((5, 3), (3, CHANNELS), {}),
    "nn.conv": ((2, 6, 6, 3), (3, 3, 3, CHANNELS), CONV),
}
PRESENCE = [(True, True, True), (False, True, True), (True, False, True), (False, False, False)]


def _operands(
    b: Builder, linear: str, bias: bool, gamma: bool, beta: bool
) -> tuple[Value, Value, Value | None, Value, Value, Value | None, Value | None]:
    x_shape, kernel_shape, _ = LINEAR[linear]
    kernel = b.param(spec(*kernel_shape), "kernel")
    optional = [b.param(spec(CHANNELS), n) for n in ("bias", "gamma", "beta")]
    mean, variance = b.state(spec(CHANNELS), "mean"), b.state(spec(CHANNELS), "variance")
    x = b.input(spec(*x_shape), "x")
    given = zip(optional, (bias, gamma, beta), strict=True)
    bias_, gamma_, beta_ = (value if there else None for value, there in given)
    return x, kernel, bias_, mean, variance, gamma_, beta_


def before(linear: str, presence: tuple[bool, bool, bool]) -> Graph:
    b = Builder()
    x, kernel, bias, mean, variance, gamma, beta = _operands(b, linear, *presence)
    product = b.emit(linear, x, kernel, bias, **LINEAR[linear][2])
    normal = b.emit("nn.batch_norm", product, mean, variance, gamma, beta, axis=-1, epsilon=EPSILON)
    return b.finish([normal])


def expected(linear: str, presence: tuple[bool, bool, bool]) -> Graph:
    b = Builder()
    x, kernel, bias, mean, variance, gamma, beta = _operands(b, linear, *presence)
    scale = b.emit("math.rsqrt", b.emit("math.add", variance, EPSILON))
    if gamma is not None:
        scale = b.emit("math.multiply", gamma, scale)
    scaled = b.emit("math.multiply", kernel, scale)
    shift = b.emit("math.negative", mean) if bias is None else b.emit("math.subtract", bias, mean)
    moved = b.emit("math.multiply", shift, scale)
    if beta is not None:
        moved = b.emit("math.add", moved, beta)
    return b.finish([b.emit(linear, x, scaled, moved, **LINEAR[linear][2])])


def _arguments(graph: Graph, seed: int = 0) -> Any:
    """Random numbers with a variance that is one."""
    params, (mean, variance), inputs = numbers(graph, seed, -1.0, 1.0)
    return params, (mean, np.abs(variance) + 0.1), inputs


@pytest.mark.parametrize("linear", LINEAR)
@pytest.mark.parametrize("presence", PRESENCE, ids=str)
def test_the_graph_is_as_expected(linear: str, presence: tuple[bool, bool, bool]) -> None:
    after, events = FOLD_BATCH_NORM(before(linear, presence))
    assert_same_structure(after, expected(linear, presence))
    assert [event.reason for event in events] == [None]


@pytest.mark.parametrize("linear", LINEAR)
@pytest.mark.parametrize("presence", PRESENCE, ids=str)
def test_the_numbers_are_the_same(linear: str, presence: tuple[bool, bool, bool]) -> None:
    graph = before(linear, presence)
    after, _ = FOLD_BATCH_NORM(graph)
    arguments = _arguments(graph)
    (one,), _ = run(graph, arguments)
    (other,), _ = run(after, arguments)
    np.testing.assert_allclose(other, one, rtol=TOLERANCE, atol=TOLERANCE * np.abs(one).max())


def test_attributes_of_the_convolution_are_kept() -> None:
    b = Builder()
    attrs = {"strides": 2, "padding": "valid", "dilation_rate": 1, "groups": 2}
    x, kernel = b.input(spec(2, 7, 7, 4)), b.param(spec(3, 3, 2, 6))
    mean, variance = b.state(spec(6)), b.state(spec(6))
    product = b.emit("nn.conv", x, kernel, None, **attrs)
    graph = b.finish([b.emit("nn.batch_norm", product, mean, variance, None, None, axis=3)])
    after, _ = FOLD_BATCH_NORM(graph)
    (conv,) = [node for node in after.nodes if node.op == "nn.conv"]
    assert attrs.items() <= conv.attrs.items() and "nn.batch_norm" not in ops_of(after)
    arguments = _arguments(graph)
    np.testing.assert_allclose(
        run(after, arguments)[0][0], run(graph, arguments)[0][0], rtol=1e-4, atol=1e-4
    )


def test_a_chain_folds_everywhere() -> None:
    b = Builder()
    value = b.input(spec(5, CHANNELS))
    for _ in range(3):
        mean, variance = b.state(spec(CHANNELS)), b.state(spec(CHANNELS))
        value = b.emit("nn.dense", value, b.param(spec(CHANNELS, CHANNELS)), None)
        value = b.emit("nn.batch_norm", value, mean, variance, None, None)
    after, events = FOLD_BATCH_NORM(b.finish([value]))
    assert "nn.batch_norm" not in ops_of(after) and len(events) == 3


def _declined(graph: Graph) -> str | None:
    after, events = FOLD_BATCH_NORM(graph)
    assert after is graph
    (event,) = events
    return event.reason


def _normalized(b: Builder, product: Value, dtype: str = "float32", axis: int = -1) -> Value:
    size = product.spec.shape[axis]
    mean, variance = b.state(spec(size, dtype=dtype)), b.state(spec(size, dtype=dtype))
    return b.emit("nn.batch_norm", product, mean, variance, None, None, axis=axis)


def test_features_on_another_axis_are_left_alone() -> None:
    b = Builder()
    product = b.emit("nn.conv", b.input(spec(2, 6, 6, 3)), b.param(spec(3, 3, 3, 4)), None)
    graph = b.finish([_normalized(b, product, axis=1)])
    assert _declined(graph) == "batch normalization is over axis 1, not over the last one"


def test_a_convolution_with_channels_first_is_left_alone() -> None:
    b = Builder()
    x, kernel = b.input(spec(2, 3, 6, 6)), b.param(spec(3, 3, 3, 4))
    product = b.emit("nn.conv", x, kernel, None, data_format="channels_first")
    graph = b.finish([_normalized(b, product, axis=-1)])
    assert _declined(graph) == "the convolution has its channels first"


def test_a_kernel_of_another_dtype_is_left_alone() -> None:
    b = Builder()
    half = "float16"
    x, kernel = b.input(spec(5, 3, dtype=half)), b.param(spec(3, 4, dtype=half))
    graph = b.finish([_normalized(b, b.emit("nn.dense", x, kernel, None))])
    reason = "the kernel and the statistics differ in dtype: the scale would lose precision"
    assert _declined(graph) == reason


@pytest.mark.parametrize("how", ["node", "output", "update"])
def test_a_product_that_is_used_elsewhere_is_left_alone(how: str) -> None:
    b = Builder()
    product = b.emit("nn.dense", b.input(spec(5, 3)), b.param(spec(3, 4)), None)
    normal = _normalized(b, product)
    outputs = {"node": [b.emit("nn.relu", product)], "output": [product], "update": []}[how]
    updates = [product] if how == "update" else []
    reason = _declined(b.finish([normal, *outputs], updates))
    assert reason == "the result of nn.dense is used elsewhere too"


def test_something_between_is_another_pattern() -> None:
    b = Builder()
    product = b.emit("nn.dense", b.input(spec(5, 3)), b.param(spec(3, 4)), None)
    graph = b.finish([_normalized(b, b.emit("nn.relu", product))])
    after, events = FOLD_BATCH_NORM(graph)
    assert after is graph and events == ()


def test_batch_statistics_are_never_folded() -> None:
    b = Builder()
    product = b.emit("nn.dense", b.input(spec(5, 3)), b.param(spec(3, 4)), None)
    normal, _, _ = b.emit("nn.batch_norm_train", product, None, None)
    graph = b.finish([normal])
    assert FOLD_BATCH_NORM(graph)[0] is graph


def test_it_declares_what_it_does() -> None:
    assert FOLD_BATCH_NORM.name == "fold_batch_norm"
    assert FOLD_BATCH_NORM.numerics == "reassociate"
    assert FOLD_BATCH_NORM.modes == ("infer",)
