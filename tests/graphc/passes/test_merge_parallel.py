"""`merge_parallel`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc import config, keras
from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes.merge_parallel import (
    MAX_COLUMNS,
    MERGE_PARALLEL,
    MIN_ROWS,
    MIN_TERMS,
    reason_against_merging,
)
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

COLUMNS = (3, 5, 4)
# A sum of up to 144 terms in another order: some of the 2**-24 of float32.
TOLERANCE = 1e-5
LAYERS: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "dense": ("nn.dense", (4, 10, 16), (16,), {}),
    "conv": ("nn.conv", (2, 9, 9, 16), (3, 3, 16), {"padding": "same", "strides": 2}),
    "conv_first": ("nn.conv", (2, 16, 6, 6), (1, 1, 16), {"data_format": "channels_first"}),
    "causal": ("nn.conv", (2, 20, 16), (2, 16), {"padding": "causal", "dilation_rate": 2}),
}
CASES = [(name, bias) for name in LAYERS for bias in (True, False)]


def _operands(b: Builder, name: str, bias: bool) -> tuple[Value, list[Value], list[Any]]:
    """Return the input, kernels and biases (or nothing in their place)."""
    _, x_shape, window, _ = LAYERS[name]
    kernels, biases = [], []
    for columns in COLUMNS:
        kernels.append(b.param(spec(*window, columns)))
        biases.append(b.param(spec(columns)) if bias else None)
    return b.input(spec(*x_shape)), kernels, biases


def before(name: str, bias: bool) -> Graph:
    op, _, _, attrs = LAYERS[name]
    b = Builder()
    x, kernels, biases = _operands(b, name, bias)
    products = [b.emit(op, x, *pair, **attrs) for pair in zip(kernels, biases, strict=True)]
    return b.finish([b.emit("nn.relu", product) for product in products])


def expected(name: str, bias: bool) -> Graph:
    op, _, _, attrs = LAYERS[name]
    b = Builder()
    x, kernels, biases = _operands(b, name, bias)
    kernel = b.emit("shape.concatenate", *kernels, axis=-1)
    joined = b.emit("shape.concatenate", *biases, axis=0) if bias else None
    product = b.emit(op, x, kernel, joined, **attrs)
    axis = 1 if name == "conv_first" else -1
    pieces = b.emit("shape.split", product, sections=(3, 8), axis=axis)
    return b.finish([b.emit("nn.relu", piece) for piece in pieces])


def _gradient(graph: Graph, arguments: Any) -> Any:
    lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
    params, state, inputs = arguments

    def total(params: Any) -> Any:
        outputs, _ = lowered(params, state, inputs)
        return sum((y * np.sin(np.arange(y.size)).reshape(y.shape)).sum() for y in outputs)

    return jax.grad(total)(params)


def _assert_same_numbers(graph: Graph, after: Graph) -> None:
    arguments = numbers(graph, 0, -1.0, 1.0)
    rows = [
        (run(after, arguments)[0], run(graph, arguments)[0]),
        (_gradient(after, arguments), _gradient(graph, arguments)),
    ]
    for ours, theirs in rows:
        for one, other in zip(ours, theirs, strict=True):
            scale = float(np.abs(other).max())
            np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE * scale)


@pytest.mark.parametrize(("name", "bias"), CASES)
def test_the_graph_is_as_expected(name: str, bias: bool) -> None:
    after, events = MERGE_PARALLEL(before(name, bias))
    assert_same_structure(after, expected(name, bias))
    assert [event.reason for event in events] == [None]


@pytest.mark.parametrize(("name", "bias"), CASES)
def test_the_numbers_are_the_same(name: str, bias: bool) -> None:
    graph = before(name, bias)
    _assert_same_numbers(graph, MERGE_PARALLEL(graph)[0])


def _dense(b: Builder, x: Value, columns: int, bias: bool = False) -> Value:
    kernel = b.param(spec(x.spec.shape[-1], columns))
    return b.emit("nn.dense", x, kernel, b.param(spec(columns)) if bias else None)


def test_weights_computed_in_between_come_first() -> None:
    b = Builder()
    x, kernel = b.input(spec(40, 16)), b.param(spec(16, 4))
    first = b.emit("math.tanh", _dense(b, x, 3))
    scaled = b.emit("math.multiply", kernel, b.emit("math.sin", b.param(spec())))
    graph = b.finish([first, b.emit("nn.dense", x, scaled, None)])
    after, _ = MERGE_PARALLEL(graph)
    assert ops_of(after) == [
        "math.sin", "math.multiply", "shape.concatenate", "nn.dense", "shape.split", "math.tanh",
    ]  # fmt: skip
    _assert_same_numbers(graph, after)


def test_several_groups_merge_at_once() -> None:
    b = Builder()
    x = b.input(spec(40, 16))
    left, right = _dense(b, x, 16, bias=True), _dense(b, x, 16, bias=True)
    graph = b.finish([_dense(b, left, 4), right, _dense(b, left, 6), _dense(b, x, 3)])
    after, events = MERGE_PARALLEL(graph)
    assert [event.reason for event in events] == [None, None]
    assert ops_of(after).count("nn.dense") == 3  # the one without a bias stays alone
    _assert_same_numbers(graph, after)
    assert MERGE_PARALLEL(after)[0] is after


def test_query_key_and_value_become_one_product_of_their_common_layer() -> None:
    b = Builder()
    x, kernels = b.input(spec(4, 10, 16)), [b.param(spec(16, 8)) for _ in range(3)]
    products = []
    for name, kernel in zip(("query", "key", "value"), kernels, strict=True):
        b.scope = f"block/attention/{name}"
        products.append(b.emit("nn.dense", x, kernel, None))
    after, (event,) = MERGE_PARALLEL(b.finish(products))
    (product,) = [node for node in after.nodes if node.op == "nn.dense"]
    assert product.scope == event.scope == "block/attention"


def test_heads_of_a_keras_model_train_as_they_did() -> None:
    def losses() -> Any:
        keras.utils.set_random_seed(0)
        inputs = keras.Input((16,))
        heads = [keras.layers.Dense(1, name=f"head_{i}")(inputs) for i in range(3)]
        model = keras.Model(inputs, heads)
        model.compile("sgd", ["mse"] * 3)
        x = np.random.default_rng(0).normal(size=(128, 16)).astype("float32")
        history = model.fit(x, [x[:, i] for i in range(3)], batch_size=64, epochs=2, verbose=0)
        ops = ops_of(model.explain("train").after)
        return history.history["loss"], ops.count("nn.dense")

    merged = losses()
    with config.PASSES(("-merge_parallel",)):
        plain = losses()
    assert (merged[1], plain[1]) == (1, 3)
    np.testing.assert_allclose(merged[0], plain[0], rtol=1e-5)


def _declined(graph: Graph) -> str | None:
    after, (event,) = MERGE_PARALLEL(graph)
    assert after is graph
    return event.reason


def test_a_shared_kernel_is_left_alone() -> None:
    b = Builder()
    x, kernel = b.input(spec(40, 16)), b.param(spec(16, 4))
    products = [b.emit("nn.dense", x, kernel, b.param(spec(4))) for _ in range(2)]
    reason = "two of the products have the same kernel: their product is computed once already"
    assert _declined(b.finish(products)) == reason


def test_a_kernel_that_needs_a_product_is_left_alone() -> None:
    b = Builder()
    x = b.input(spec(40, 16))
    first = _dense(b, x, 4)
    kernel = b.emit("math.add", b.param(spec(16, 4)), b.emit("reduce.mean", first, axis=0))
    graph = b.finish([first, b.emit("nn.dense", x, kernel, None)])
    assert _declined(graph) == "a kernel or bias is computed from such a product"


@pytest.mark.parametrize(
    ("rows", "terms", "columns", "reason"),
    [
        (MIN_ROWS - 1, MIN_TERMS, (1, 1), "rows are fewer"),
        (MIN_ROWS, MIN_TERMS - 1, (1, 1), "terms are shorter"),
        (MIN_ROWS, MIN_TERMS, (MAX_COLUMNS, 1), "columns are more"),
    ],
)
def test_what_would_not_pay_is_left_alone(
    rows: int, terms: int, columns: tuple[int, int], reason: str
) -> None:
    b = Builder()
    x = b.input(spec(rows, terms))
    declined = _declined(b.finish([_dense(b, x, one) for one in columns]))
    assert declined == reason_against_merging(rows, terms, columns)
    assert declined is not None and reason in declined


def test_just_enough_pays() -> None:
    assert reason_against_merging(MIN_ROWS, MIN_TERMS, (MAX_COLUMNS - 1, 1)) is None


ALONE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another stride": ({"strides": 1}, {"strides": 2}),
    "another dilation": ({"dilation_rate": 1}, {"dilation_rate": 2}),
    "groups": ({"groups": 2}, {"groups": 2}),
}


@pytest.mark.parametrize("name", ALONE)
def test_other_convolutions_are_no_group(name: str) -> None:
    b = Builder()
    x = b.input(spec(2, 9, 9, 16))
    depth = 8 if name == "groups" else 16
    products = [
        b.emit("nn.conv", x, b.param(spec(3, 3, depth, 4)), None, **attrs) for attrs in ALONE[name]
    ]
    graph = b.finish(products)
    assert MERGE_PARALLEL(graph) == (graph, ())


def test_other_tensors_windows_and_dtypes_are_no_group() -> None:
    b = Builder()
    x, y = b.input(spec(40, 16)), b.input(spec(40, 16))
    image = b.input(spec(2, 9, 9, 16))
    half = b.param(spec(16, 4, dtype="float16"))
    graph = b.finish(
        [
            _dense(b, x, 4), _dense(b, y, 4), _dense(b, x, 4, bias=True),
            b.emit("nn.dense", x, half, None),
            *(b.emit("nn.conv", image, b.param(spec(n, n, 16, 4)), None) for n in (1, 3)),
        ]
    )  # fmt: skip
    assert MERGE_PARALLEL(graph) == (graph, ())


def test_it_declares_what_it_does() -> None:
    assert MERGE_PARALLEL.name == "merge_parallel"
    assert MERGE_PARALLEL.numerics == "reassociate"
    assert MERGE_PARALLEL.modes == ("train", "infer")
