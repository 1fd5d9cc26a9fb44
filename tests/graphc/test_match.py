"""Matching: variables, attributes, absent operands, counted uses."""

from __future__ import annotations

import numpy as np
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
    number_of,
    reason_against_numbers,
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


@pytest.mark.parametrize("op", ["math.add", "math.multiply", "math.maximum", "math.minimum"])
def test_operands_of_a_commutative_op_fit_in_either_order(b: Builder, op: str) -> None:
    x, y = b.input(spec(2)), b.input(spec(2))
    root = b.emit(op, y, b.emit("math.exp", x))
    found = _match(lambda p: p.emit(op, p.emit("math.exp", "a"), "b"), root)
    assert found is not None and (found["a"], found["b"]) == (x, y)


def test_operands_of_another_op_have_their_order(b: Builder) -> None:
    root = b.emit("math.subtract", b.input(spec(2)), b.emit("math.exp", b.input(spec(2))))
    assert _match(lambda p: p.emit("math.subtract", p.emit("math.exp", "a"), "b"), root) is None


def test_the_order_that_is_written_comes_first(b: Builder) -> None:
    x, y = b.input(spec(2)), b.input(spec(2))
    found = _match(lambda p: p.emit("math.add", "a", "b"), b.emit("math.add", x, y))
    assert found is not None and (found["a"], found["b"]) == (x, y)


def test_a_choice_takes_the_first_that_fits_in_the_whole(b: Builder) -> None:
    x, y = b.input(spec(2)), b.input(spec(2))

    def pattern(p: PatternBuilder) -> object:
        inner = p.any(p.emit("math.exp", "a"), p.emit("math.exp", "b"))
        return p.emit("math.subtract", inner, "a")

    found = _match(pattern, b.emit("math.subtract", b.emit("math.exp", x), y))
    assert found is not None and (found["a"], found["b"]) == (y, x)
    same = _match(pattern, b.emit("math.subtract", b.emit("math.exp", x), x))
    assert same is not None and same["a"] == x and same.get("b") is None


def test_a_number_is_met_and_a_named_one_is_bound(b: Builder) -> None:
    x = b.input(spec(2))
    half = b.emit("math.add", x, np.float32(0.5))
    assert _match(lambda p: p.emit("math.add", "a", 0.5 + 1e-7), half) is not None
    assert _match(lambda p: p.emit("math.add", "a", 0.5001), half) is None
    found = _match(lambda p: p.emit("math.add", "a", p.number("c")), half)
    assert found is not None and found.numbers == {"c": 0.5}
    assert (
        _match(lambda p: p.emit("math.add", "a", p.number("c")), b.emit("math.add", x, x)) is None
    )


def test_numbers_are_scalars_and_no_truths(b: Builder) -> None:
    numbers = [2, 2.0, np.float32(2.0), np.int32(2)]
    assert [number_of(b.constant(value)) for value in numbers] == [2.0] * 4
    others = [b.constant(True), b.constant(np.ones(1)), b.input(spec()), None]
    assert [number_of(value) for value in others] == [None] * 4


def test_the_reason_names_the_number(b: Builder) -> None:
    assert reason_against_numbers({"c": 0.5 + 1e-8}, {"c": 0.5}) is None
    assert reason_against_numbers({"c": 0.4}, {"c": 0.5}) == "c is 0.4, not 0.5"


def _gated(p: PatternBuilder) -> object:
    return p.product("a", p.emit("math.exp", "a"), scale="c")


def test_a_product_is_met_in_any_order_and_nesting(b: Builder) -> None:
    x = b.input(spec(2))
    e = b.emit("math.exp", x)

    def times(one: object, other: object) -> Value:
        return b.emit("math.multiply", one, other)

    negative = b.emit("math.negative", b.emit("math.divide", e, -2))
    quotient = b.emit("math.divide", x, b.emit("math.divide", 2, e))
    forms = [times(times(x, 0.5), e), times(e, times(0.5, x)), times(0.5, times(x, e))]
    forms += [b.emit("math.divide", times(e, x), 2), times(negative, x), quotient]
    for root in forms:
        found = _match(_gated, root)
        assert found is not None and found["a"] == x and found.numbers == {"c": 0.5}, root
    assert _match(_gated, times(x, e)).numbers == {"c": 1.0}  # type: ignore[union-attr]
    assert _match(_gated, times(x, times(e, x))) is None
    assert _match(_gated, b.emit("math.divide", x, e)) is None


def test_a_variable_of_a_product_binds_as_much_as_it_can(b: Builder) -> None:
    twice = b.emit("math.multiply", b.input(spec(2)), 2.0)
    found = _match(_gated, b.emit("math.multiply", b.emit("math.exp", twice), twice))
    assert found is not None and found["a"] == twice and found.numbers == {"c": 1.0}


def test_a_product_has_divisors_and_no_scale_that_is_not_named(b: Builder) -> None:
    x = b.input(spec(2))
    e = b.emit("math.exp", x)

    def pattern(p: PatternBuilder) -> object:
        return p.product("a", over=(p.emit("math.exp", "a"),))

    inverse = b.emit("math.divide", 1.0, e)
    assert _match(pattern, b.emit("math.divide", x, e)) is not None
    assert _match(pattern, b.emit("math.multiply", inverse, x)) is not None
    assert _match(pattern, b.emit("math.multiply", x, e)) is None
    assert _match(pattern, b.emit("math.divide", b.emit("math.multiply", x, 2.0), e)) is None


def test_nodes_of_a_product_are_interior(b: Builder) -> None:
    x = b.input(spec(2))
    half = b.emit("math.multiply", x, 0.5)
    root = b.emit("math.multiply", half, b.emit("math.exp", x))
    found = _match(_gated, root)
    assert found is not None
    assert reason_against_sharing(found, count_uses(b.finish([root]))) is None
    shared = "the result of math.multiply is used elsewhere too"
    assert reason_against_sharing(found, count_uses(b.finish([root, half]))) == shared


def test_what_the_pattern_itself_uses_twice_is_not_shared(b: Builder) -> None:
    e = b.emit("math.exp", b.input(spec(2)))
    root = b.emit("math.subtract", e, b.emit("math.tanh", e))

    def pattern(p: PatternBuilder) -> object:
        inner = p.emit("math.exp", "a")
        return p.emit("math.subtract", inner, p.emit("math.tanh", inner))

    found = _match(pattern, root)
    assert found is not None
    assert reason_against_sharing(found, count_uses(b.finish([root]))) is None
    shared = "the result of math.exp is used elsewhere too"
    assert reason_against_sharing(found, count_uses(b.finish([root, e]))) == shared


def test_an_absent_operand_can_be_asked_for(b: Builder) -> None:
    x, w, bias = b.input(spec(2, 3)), b.param(spec(3, 4)), b.param(spec(4))

    def pattern(p: PatternBuilder) -> object:
        return p.emit("nn.dense", "x", "w", None)

    assert _match(pattern, b.emit("nn.dense", x, w, None)) is not None
    assert _match(pattern, b.emit("nn.dense", x, w, bias)) is None


def test_another_result_of_an_op_can_be_asked_for(b: Builder) -> None:
    low, high = b.emit("shape.split", b.input(spec(4)), sections=2)

    def pattern(p: PatternBuilder) -> object:
        return p.emit("math.exp", p.result(p.emit("shape.split", "x"), 1))

    assert _match(pattern, b.emit("math.exp", high)) is not None
    assert _match(pattern, b.emit("math.exp", low)) is None


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
