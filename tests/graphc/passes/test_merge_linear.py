"""`merge_linear`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes.merge_linear import MERGE_LINEAR, reason_against_merging
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

HIDDEN, OUT = 20, 3
# Sums of up to 27 x 20 terms in another order.
TOLERANCE = 1e-5
CONV: dict[str, Any] = {"padding": "same", "strides": 2}
LINEAR: dict[str, tuple[str, tuple[int, ...], tuple[int, ...], dict[str, Any]]] = {
    "dense": ("nn.dense", (40, 5), (5,), {}),
    "conv": ("nn.conv", (2, 12, 12, 3), (3, 3, 3), CONV),
    "conv_first": ("nn.conv", (2, 3, 9, 9), (3, 3, 3), {"data_format": "channels_first"}),
}
PRESENCE = [(True, True), (False, True), (True, False), (False, False)]


def _operands(b: Builder, name: str, presence: tuple[bool, bool]) -> tuple[Any, ...]:
    _, x_shape, window, _ = LINEAR[name]
    ones = (1,) * (len(window) - 1)
    kernels = b.param(spec(*window, HIDDEN)), b.param(spec(*ones, HIDDEN, OUT))
    biases = b.param(spec(HIDDEN)), b.param(spec(OUT))
    given = (bias if there else None for bias, there in zip(biases, presence, strict=True))
    return b.input(spec(*x_shape)), *kernels, *given


def _outer_attrs(name: str) -> dict[str, Any]:
    return {k: v for k, v in LINEAR[name][3].items() if k == "data_format"}


def before(name: str, presence: tuple[bool, bool]) -> Graph:
    op, _, _, attrs = LINEAR[name]
    b = Builder()
    x, kernel_1, kernel_2, bias_1, bias_2 = _operands(b, name, presence)
    first = b.emit(op, x, kernel_1, bias_1, **attrs)
    return b.finish([b.emit(op, first, kernel_2, bias_2, **_outer_attrs(name))])


def expected(name: str, presence: tuple[bool, bool]) -> Graph:
    op, _, _, attrs = LINEAR[name]
    b = Builder()
    x, kernel_1, kernel_2, bias_1, bias_2 = _operands(b, name, presence)
    if op == "nn.conv":
        kernel_2 = b.emit("shape.reshape", kernel_2, newshape=(HIDDEN, OUT))
    kernel = b.emit("linalg.matmul", kernel_1, kernel_2)
    bias = bias_2
    if bias_1 is not None:
        bias = b.emit("linalg.matmul", bias_1, kernel_2)
        bias = bias if bias_2 is None else b.emit("math.add", bias, bias_2)
    return b.finish([b.emit(op, x, kernel, bias, **attrs)])


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("presence", PRESENCE, ids=str)
def test_the_graph_is_as_expected(name: str, presence: tuple[bool, bool]) -> None:
    after, events = MERGE_LINEAR(before(name, presence))
    assert_same_structure(after, expected(name, presence))
    assert [event.reason for event in events] == [None]


def _gradient(graph: Graph, arguments: Any) -> Any:
    lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
    params, state, inputs = arguments
    return jax.grad(lambda p: (lowered(p, state, inputs)[0][0] ** 2).sum())(params)


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("presence", PRESENCE, ids=str)
def test_the_numbers_are_the_same(name: str, presence: tuple[bool, bool]) -> None:
    graph = before(name, presence)
    after, _ = MERGE_LINEAR(graph)
    arguments = numbers(graph, 0, -1.0, 1.0)
    ours = run(after, arguments)[0], _gradient(after, arguments)
    theirs = run(graph, arguments)[0], _gradient(graph, arguments)
    for mine, others in zip(ours, theirs, strict=True):
        for one, other in zip(mine, others, strict=True):
            scale = float(np.abs(other).max())
            np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE * scale)


def test_a_chain_merges_into_one() -> None:
    b = Builder()
    x = b.input(spec(400, 8))
    for columns in (16, 16, 4):
        x = b.emit("nn.dense", x, b.param(spec(x.spec.shape[-1], columns)), None)
    after, _ = MERGE_LINEAR(b.finish([x]))
    assert ops_of(after).count("nn.dense") == 1


def _declined(graph: Graph) -> str | None:
    after, (event,) = MERGE_LINEAR(graph)
    assert after is graph
    return event.reason


def _dense(b: Builder, x: Value, columns: int) -> Value:
    kernel = b.param(spec(x.spec.shape[-1], columns, dtype=x.spec.dtype))
    return b.emit("nn.dense", x, kernel, None)


def test_a_bottleneck_is_left_alone() -> None:
    b = Builder()
    graph = b.finish([_dense(b, _dense(b, b.input(spec(100, 64)), 4), 64)])
    assert _declined(graph) == reason_against_merging(100, 64, 4, 64)
    assert reason_against_merging(100, 64, 4, 64) == "425984 multiplications are more than 51200"


def test_kernels_of_few_rows_are_left_alone() -> None:
    """Multiplying the kernels costs more than is saved on one row."""
    assert reason_against_merging(1, 5, HIDDEN, OUT) is not None
    assert reason_against_merging(40, 5, HIDDEN, OUT) is None


def test_narrow_dtypes_are_left_alone() -> None:
    b = Builder()
    x = b.input(spec(40, 5, dtype="float16"))
    reason = "the product of kernels would be rounded to float16"
    assert _declined(b.finish([_dense(b, _dense(b, x, HIDDEN), OUT)])) == reason


CONVOLUTIONS: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[int, ...], str]] = {
    "window": ({}, {}, (2, 1), "the second window is larger than 1"),
    "stride": ({}, {"strides": (1, 2)}, (1, 1), "the second convolution leaves places out"),
    "groups": ({"groups": 3}, {}, (1, 1), "a convolution has groups"),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_other_convolutions_are_left_alone(name: str) -> None:
    inner, outer, window, reason = CONVOLUTIONS[name]
    b = Builder()
    depth = 3 // inner.get("groups", 1)
    first = b.emit("nn.conv", b.input(spec(2, 12, 12, 3)), b.param(spec(3, 3, depth, 21)), None,
                   **inner)  # fmt: skip
    second = b.emit("nn.conv", first, b.param(spec(*window, 21, 1)), None, **outer)
    assert _declined(b.finish([second])) == reason


def test_a_product_that_is_used_elsewhere_is_left_alone() -> None:
    b = Builder()
    first = _dense(b, b.input(spec(40, 5)), HIDDEN)
    graph = b.finish([_dense(b, first, OUT), first])
    assert _declined(graph) == "the result of nn.dense is used elsewhere too"


def test_an_activation_between_is_another_pattern() -> None:
    b = Builder()
    graph = b.finish([_dense(b, b.emit("nn.relu", _dense(b, b.input(spec(40, 5)), HIDDEN)), OUT)])
    assert MERGE_LINEAR(graph) == (graph, ())


def test_it_declares_what_it_does() -> None:
    assert MERGE_LINEAR.name == "merge_linear"
    assert MERGE_LINEAR.numerics == "reassociate"
    assert MERGE_LINEAR.modes == ("infer",)
