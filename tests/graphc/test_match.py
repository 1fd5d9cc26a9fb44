"""Matching: variables, attributes, absent operands, counted uses."""

from __future__ import annotations

import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.match import (
    ANY,
    Match,
    Pattern,
    PatternBuilder,
    count_uses,
    match,
    reason_against_sharing,
)
from tests.graphc.graphs import spec


def _match(pattern: Pattern, value: Value) -> Match | None:
    return match(pattern(PatternBuilder()), value.node)


@pytest.fixture
def b() -> Builder:
    return Builder()


def test_a_pattern_binds_its_variables_and_names_its_nodes(b: Builder) -> None:
    x, y = b.input(spec(2)), b.input(spec(2))
    product = b.emit("math.multiply", x, y)
    root = b.emit("math.exp", product)
    found = _match(lambda p: p.emit("math.exp", p.emit("math.multiply", "a", "b")), root)
    assert found is not None
    assert (found["a"], found["b"]) == (x, y)
    assert found.root is root.node and found.node("math.multiply") is product.node


def test_another_op_or_another_number_of_operands_does_not_match(b: Builder) -> None:
    x = b.input(spec(2))
    root = b.emit("math.add", x, x)
    assert _match(lambda p: p.emit("math.subtract", "a", "b"), root) is None
    assert _match(lambda p: p.emit("math.add", "a"), root) is None
    assert _match(lambda p: p.emit("math.add", p.emit("math.exp", "a"), "b"), root) is None


def test_a_repeated_variable_wants_the_same_value(b: Builder) -> None:
    x, y = b.input(spec(2)), b.input(spec(2))
    low, high = b.emit("shape.split", x, sections=2)

    def square(p: PatternBuilder) -> object:
        return p.emit("math.multiply", "a", "a")

    assert _match(square, b.emit("math.multiply", x, x)) is not None
    assert _match(square, b.emit("math.multiply", x, y)) is None
    assert _match(square, b.emit("math.multiply", low, high)) is None


def test_a_variable_may_bind_an_absent_operand(b: Builder) -> None:
    root = b.emit("nn.dense", b.input(spec(2, 3)), b.param(spec(3, 4)), None)
    found = _match(lambda p: p.emit("nn.dense", "x", "kernel", "bias"), root)
    assert found is not None and found["bias"] is None
    clip = b.emit("math.clip", b.input(spec(2)), None, None)
    twice = _match(lambda p: p.emit("math.clip", "x", "end", "end"), clip)
    assert twice is not None and twice["end"] is None


def test_a_pattern_node_does_not_match_an_absent_operand(b: Builder) -> None:
    root = b.emit("nn.dense", b.input(spec(2, 3)), b.param(spec(3, 4)), None)
    assert _match(lambda p: p.emit("nn.dense", "x", "k", p.emit("math.exp", "b")), root) is None


def test_attributes_match_exactly_unless_left_out_or_any(b: Builder) -> None:
    root = b.emit("nn.softmax", b.input(spec(2, 3)), axis=1)
    assert _match(lambda p: p.emit("nn.softmax", "x", axis=1), root) is not None
    assert _match(lambda p: p.emit("nn.softmax", "x", axis=0), root) is None
    assert _match(lambda p: p.emit("nn.softmax", "x", axis=ANY), root) is not None
    assert _match(lambda p: p.emit("nn.softmax", "x"), root) is not None


def test_a_pattern_node_is_the_first_result_of_its_op(b: Builder) -> None:
    low, high = b.emit("shape.split", b.input(spec(4)), sections=2)

    def pattern(p: PatternBuilder) -> object:
        return p.emit("math.exp", p.emit("shape.split", "x"))

    assert _match(pattern, b.emit("math.exp", low)) is not None
    assert _match(pattern, b.emit("math.exp", high)) is None


def _exp_of_sum(b: Builder) -> tuple[Value, Value]:
    inner = b.emit("math.add", b.input(spec(2)), b.input(spec(2)))
    return inner, b.emit("math.exp", inner)


def _reason(graph: Graph, root: Value) -> str | None:
    found = _match(lambda p: p.emit("math.exp", p.emit("math.add", "a", "b")), root)
    assert found is not None
    return reason_against_sharing(found, count_uses(graph))


def test_an_interior_node_used_once_is_not_shared(b: Builder) -> None:
    _, root = _exp_of_sum(b)
    assert _reason(b.finish([root, b.emit("math.log", root)]), root) is None


def test_nodes_outputs_and_updates_count_as_uses(b: Builder) -> None:
    state = b.state(spec(2))
    inner, root = _exp_of_sum(b)
    other = b.emit("math.log", inner)
    shared = "the result of math.add is used elsewhere too"
    assert _reason(b.finish([root, other]), root) == shared
    assert _reason(b.finish([root, inner]), root) == shared
    assert _reason(b.finish([root], [inner]), root) == shared
    assert _reason(b.finish([root], [state]), root) is None


def test_each_use_of_a_value_is_counted(b: Builder) -> None:
    x = b.input(spec(2))
    graph = b.finish([b.emit("math.multiply", x, x), x], [x])
    assert count_uses(graph)[x] == 4
