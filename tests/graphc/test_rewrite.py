"""The driver: rules fire until nothing changes, replay keeps what it does not rewrite."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from graphc.builder import Builder
from graphc.errors import RewriteLimitError
from graphc.ir import Graph, Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.rewrite import Event, Rule, apply_rules, replay
from tests.graphc.graphs import assert_same_structure, chain, numbers, ops_of, run, spec


def _always(m: Match) -> None:
    return None


def _unary(before: str, after: str, check: Callable[[Match], str | None] = _always) -> Rule:
    """The rule that replaces one unary op by another."""
    return Rule(
        f"{before}_to_{after}",
        lambda p: p.emit(f"math.{before}", "x"),
        check,
        lambda b, m: b.emit(f"math.{after}", m["x"]),
    )


def _double_negative() -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit("math.negative", p.emit("math.negative", "x"))

    def rewrite(b: Builder, m: Match) -> Value:
        value = m["x"]
        assert value is not None
        return value

    return Rule("double_negative", pattern, _always, rewrite)


def test_nothing_to_do_gives_the_same_object() -> None:
    graph = chain("math.exp", "math.log")
    after, events = apply_rules(graph, [_double_negative()])
    assert after is graph and events == ()


def test_a_rule_fires_everywhere_and_again_until_nothing_is_left() -> None:
    graph = chain(*["math.negative"] * 5, "math.exp")
    after, events = apply_rules(graph, [_double_negative()])
    assert_same_structure(after, chain("math.negative", "math.exp"))
    assert {event.reason for event in events} == {None}
    arguments = numbers(graph)
    np.testing.assert_array_equal(run(after, arguments)[0], run(graph, arguments)[0])


def test_rules_feed_each_other() -> None:
    rules = [_unary("sinh", "cosh"), _unary("exp", "sinh")]
    after, events = apply_rules(chain("math.exp"), rules)
    assert_same_structure(after, chain("math.cosh"))
    assert [event.rule for event in events] == ["exp_to_sinh", "sinh_to_cosh"]


def test_the_first_rule_that_applies_wins() -> None:
    rules = [_unary("exp", "sin", lambda m: "not here"), _unary("exp", "cos")]
    after, events = apply_rules(chain("math.exp"), rules)
    assert ops_of(after) == ["math.cos"]
    assert [event.rule for event in events if event.reason is None] == ["exp_to_cos"]


def test_a_declined_rule_tells_the_reason_once() -> None:
    b = Builder()
    x = b.input(spec(2, 3))
    b.scope = "here"
    sine = b.emit("math.sin", x)
    b.scope = "there"
    graph = b.finish([b.emit("math.exp", sine)])
    rules = [_unary("exp", "log", lambda m: "too hot"), _unary("sin", "cos")]
    after, events = apply_rules(graph, rules)
    assert ops_of(after) == ["math.cos", "math.exp"]
    assert sorted(events, key=lambda e: e.scope) == [
        Event("sin_to_cos", "here", "math.sin", None),
        Event("exp_to_log", "there", "math.exp", "too hot"),
    ]


def test_rules_that_undo_each_other_hit_the_limit() -> None:
    rules = [_unary("sin", "cos"), _unary("cos", "sin")]
    with pytest.raises(RewriteLimitError, match=r"sin_to_cos, cos_to_sin still fire after 7"):
        apply_rules(chain("math.sin"), rules, limit=7)


def _shared() -> Graph:
    b = Builder()
    inner = b.emit("math.negative", b.input(spec(2)))
    return b.finish([b.emit("math.negative", inner), b.emit("math.exp", inner)])


def test_a_shared_interior_keeps_a_rule_away_and_says_so() -> None:
    graph = _shared()
    after, events = apply_rules(graph, [_double_negative()])
    assert after is graph
    assert [e.reason for e in events] == ["the result of math.negative is used elsewhere too"]


def test_a_rule_may_opt_out_of_single_use() -> None:
    rule = _double_negative()
    rule = Rule(rule.name, rule.pattern, rule.check, rule.rewrite, shared_interior=True)
    graph = _shared()
    after, _ = apply_rules(graph, [rule])
    assert ops_of(after) == ["math.negative", "math.exp"]
    assert after.outputs[0] == after.inputs[0]


def test_an_interior_that_is_an_output_or_an_update_is_shared() -> None:
    b = Builder()
    state = b.state(spec(2))
    inner = b.emit("math.negative", state)
    outer = b.emit("math.negative", inner)
    for graph in (b.finish([outer, inner], [state]), b.finish([outer], [inner])):
        assert apply_rules(graph, [_double_negative()])[0] is graph


def _everything() -> Graph:
    """A graph with every kind of value, each under its own scope and line."""
    b = Builder()
    b.scope, b.source = "params", "a.py:1"
    p = b.param(spec(4), "p")
    s = b.state(spec(4), "s")
    x = b.input(spec(4), "x")
    b.scope, b.source = "first", "a.py:2"
    low, high = b.emit("shape.split", b.emit("math.add", x, p), sections=2)
    b.scope, b.source = "second", "a.py:3"
    clipped = b.emit("math.clip", high, None, 1.0)
    y = b.emit("math.add", clipped, b.emit("math.multiply", low, np.ones(2, "float32")))
    b.scope, b.source = "last", "a.py:4"
    return b.finish([b.emit("math.exp", y)], [b.emit("math.add", s, x)])


def test_replay_without_replacements_is_a_copy() -> None:
    graph = _everything()
    copy = replay(graph, {})
    assert copy is not graph and str(copy) == str(graph)
    assert_same_structure(copy, graph)
    stamps = [[(n.op, n.scope, n.source) for n in g.nodes] for g in (copy, graph)]
    assert stamps[0] == stamps[1]
    assert [v.node.attrs["name"] for v in (*copy.params, *copy.state, *copy.inputs)] == list("psx")


def test_a_rewrite_keeps_scope_and_line_of_what_it_replaces() -> None:
    after, _ = apply_rules(_everything(), [_unary("exp", "tanh")])
    made = next(node for node in after.nodes if node.op == "math.tanh")
    assert (made.scope, made.source) == ("last", "a.py:4")
    split = next(node for node in after.nodes if node.op == "shape.split")
    assert (split.scope, split.source) == ("first", "a.py:2")


def test_what_a_rewrite_leaves_unused_is_gone() -> None:
    after, _ = apply_rules(
        chain("math.sin", "math.negative", "math.negative"), [_double_negative()]
    )
    assert ops_of(after) == ["math.sin"]


def test_a_pattern_is_traced_once_and_a_rule_is_a_value() -> None:
    calls: list[int] = []

    def pattern(p: PatternBuilder) -> PatternNode:
        calls.append(1)
        return p.emit("math.exp", "x")

    rule = Rule("r", pattern, _always, lambda b, m: b.emit("math.log", m["x"]))
    apply_rules(chain(*["math.exp"] * 3), [rule])
    assert len(calls) == 1
    with pytest.raises(AttributeError):
        rule.name = "other"  # type: ignore[misc]
