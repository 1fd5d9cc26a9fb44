"""`raise_gelu`: every way to write an activation, equal numbers, near misses with reasons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from graphc.passes import RAISE_GELU
from tests.graphc.graphs import assert_same_structure, ops_of, run, spec
from tests.graphc.passes.terms import Term, assert_same_numbers, written

SHAPE = (3, 5)
ROOT, SLOPE, CUBIC = math.sqrt(2.0), math.sqrt(2.0 / math.pi), 0.044715
# The ops add up in another order: a few of float32's 2**-24.
TOLERANCE = 1e-6


def _erf(x: Term) -> Term:
    return x.op("math.erf")


def _tanh(x: Term) -> Term:
    return x.op("math.tanh")


def _square(x: Term) -> Term:
    return x.op("math.square")


EXACT: dict[str, Any] = {
    "factors first": lambda x: 0.5 * x * (1 + _erf(x / ROOT)),
    "half after x": lambda x: x * 0.5 * (1.0 + _erf(x / ROOT)),
    "half last": lambda x: x * (1.0 + _erf(x / ROOT)) * 0.5,
    "half outside": lambda x: 0.5 * (x * (1.0 + _erf(x / ROOT))),
    "over two": lambda x: x * (_erf(x / ROOT) + 1.0) / 2,
    "x over two": lambda x: (x / 2.0) * (_erf(x / ROOT) + 1.0),
    "gate first": lambda x: (0.5 * (1.0 + _erf(x * (1 / ROOT)))) * x,
    "halves inside": lambda x: x * (0.5 + 0.5 * _erf(x * math.sqrt(0.5))),
    "root as array": lambda x: 0.5 * x * (1.0 + _erf(x / x.constant(np.float32(ROOT)))),
    "erfc": lambda x: 0.5 * x * (-x / ROOT).op("math.erfc"),
    "erfc of a multiple": lambda x: 0.5 * (x * (x * -math.sqrt(0.5)).op("math.erfc")),
}
APPROXIMATE: dict[str, Any] = {
    "power": lambda x: 0.5 * x * (1.0 + _tanh(SLOPE * (x + CUBIC * x**3))),
    "power of a float": lambda x: x * 0.5 * (1 + _tanh(SLOPE * (x + CUBIC * x**3.0))),
    "products": lambda x: 0.5 * x * (1.0 + _tanh(SLOPE * (x + CUBIC * x * x * x))),
    "products apart": lambda x: 0.5 * x * (1.0 + _tanh(SLOPE * (CUBIC * (x * (x * x)) + x))),
    "a square": lambda x: 0.5 * (x * (1.0 + _tanh((x + CUBIC * x * _square(x)) * SLOPE))),
    "factored": lambda x: 0.5 * x * (1.0 + _tanh(SLOPE * x * (1.0 + CUBIC * x * x))),
    "factored square": lambda x: x * (1 + _tanh(x * SLOPE * (1 + CUBIC * x**2))) / 2,
    "distributed": lambda x: x * (0.5 + 0.5 * _tanh(SLOPE * x + (SLOPE * CUBIC) * x**3)),
}
KINDS: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "exact": (EXACT, "nn.gelu", {"approximate": False}),
    "approximate": (APPROXIMATE, "nn.gelu", {"approximate": True}),
    "silu": (
        {
            "x first": lambda x: x * x.op("nn.sigmoid"),
            "x last": lambda x: x.op("nn.sigmoid") * x,
        },
        "nn.silu",
        {},
    ),
    "mish": ({"x first": lambda x: x * _tanh(x.op("nn.softplus"))}, "nn.mish", {}),
}
CASES = [
    pytest.param(form, op, attrs, id=f"{kind}: {name}")
    for kind, (forms, op, attrs) in KINDS.items()
    for name, form in forms.items()
]


@pytest.mark.parametrize(("form", "op", "attrs"), CASES)
def test_the_graph_is_as_expected(form: Any, op: str, attrs: Any) -> None:
    after, events = RAISE_GELU(written(form, spec(*SHAPE)))
    assert_same_structure(after, written(lambda x: x.op(op, **attrs), spec(*SHAPE)))
    assert [event.reason for event in events] == [None]


@pytest.mark.parametrize(("form", "op", "attrs"), CASES)
def test_the_numbers_and_the_gradient_are_the_same(form: Any, op: str, attrs: Any) -> None:
    before = written(form, spec(*SHAPE))
    assert_same_numbers(before, RAISE_GELU(before)[0], TOLERANCE)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", KINDS)
def test_narrow_floats_keep_their_dtype(kind: str, dtype: str) -> None:
    form = next(iter(KINDS[kind][0].values()))
    before = written(form, spec(*SHAPE, dtype=dtype))
    after, _ = RAISE_GELU(before)
    assert ops_of(after) == [KINDS[kind][1]]
    assert_same_numbers(before, after, {"float16": 4e-3, "bfloat16": 3e-2}[dtype])


def test_what_is_activated_may_be_a_product_itself() -> None:
    before = written(lambda x: EXACT["half outside"](x * x * 2.0), spec(*SHAPE))
    after, _ = RAISE_GELU(before)
    assert ops_of(after) == ["math.multiply", "math.multiply", "nn.gelu"]
    assert_same_numbers(before, after, TOLERANCE)


def test_the_exact_gelu_keeps_what_erf_loses() -> None:
    before = written(EXACT["factors first"], spec(1))
    after, _ = RAISE_GELU(before)
    arguments = ((np.array([-6.0], "float32"),), (), ())
    from_op, from_erf = (_run(graph, arguments) for graph in (after, before))
    assert from_erf == 0.0 and abs(from_op + 5.9195283e-09) < 1e-12


def _run(graph: Any, arguments: Any) -> float:
    return float(run(graph, arguments)[0][0][0])


NEAR: dict[str, tuple[Any, str]] = {
    "another root": (
        lambda x: 0.5 * x * (1.0 + _erf(x * 0.7)),
        "the factor in erf is 0.7, not 0.70710678",
    ),
    "no root": (lambda x: 0.5 * x * (1.0 + _erf(x)), "the factor in erf is 1, not 0.70710678"),
    "no half": (lambda x: x * (1.0 + _erf(x / ROOT)), "the constant is 1, not 0.5"),
    "a third": (lambda x: 0.5 * x * (2.0 + _erf(x / ROOT)), "the constant is 1, not 0.5"),
    "a swing": (lambda x: 0.5 * x * (1.0 + 0.9 * _erf(x / ROOT)), "the factor is 0.45, not 0.5"),
    "the other erfc": (
        lambda x: 0.5 * x * (x / ROOT).op("math.erfc"),
        "the factor in erfc is 0.70710678, not -0.70710678",
    ),
    "another cube": (
        lambda x: 0.5 * x * (1.0 + _tanh(SLOPE * (x + 0.05 * x**3))),
        "that of its cube is 0.039894228, not 0.035677408",
    ),
    "another slope": (
        lambda x: 0.5 * x * (1.0 + _tanh(0.8 * (x + CUBIC * x**3))),
        "the factor of x in tanh is 0.8, not 0.79788456",
    ),
    "twice silu": (lambda x: x * (2.0 * x.op("nn.sigmoid")), "the factor is 2, not 1"),
}


@pytest.mark.parametrize("name", NEAR)
def test_near_misses_are_left_alone(name: str) -> None:
    form, reason = NEAR[name]
    before = written(form, spec(*SHAPE))
    after, events = RAISE_GELU(before)
    assert after is before and [event.reason for event in events] == [reason]


OTHERS: dict[str, Any] = {
    "the sigmoid of something else": lambda x, y: x * y.op("nn.sigmoid"),
    "the erf of something else": lambda x, y: 0.5 * x * (1.0 + _erf(y / ROOT)),
    "a fourth power": lambda x, y: 0.5 * x * (1.0 + _tanh(SLOPE * (x + CUBIC * x**4))) + y,
    "a quotient": lambda x, y: x / x.op("nn.sigmoid") + y,
    "a difference": lambda x, y: 0.5 * x * (1.0 - _erf(x / ROOT)) + y,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_pattern_is_left_alone(name: str) -> None:
    before = written(OTHERS[name], spec(*SHAPE), spec(*SHAPE))
    after, events = RAISE_GELU(before)
    assert after is before and events == ()


def test_a_gate_that_is_used_elsewhere_is_left_alone() -> None:
    def swish_and_gate(x: Term) -> Term:
        gate = x.op("nn.sigmoid")
        return x * gate + gate

    before = written(swish_and_gate, spec(*SHAPE))
    after, events = RAISE_GELU(before)
    assert after is before
    assert [event.reason for event in events] == ["the result of nn.sigmoid is used elsewhere too"]


def test_a_constant_that_promotes_is_left_alone() -> None:
    before = written(EXACT["root as array"], spec(*SHAPE, dtype="float16"))
    after, events = RAISE_GELU(before)
    assert after is before
    assert [e.reason for e in events] == ["float16 has become float32, the op would keep it"]


def test_whole_numbers_are_left_alone() -> None:
    before = written(lambda x: x * x.op("nn.sigmoid"), spec(*SHAPE, dtype="int32"))
    after, events = RAISE_GELU(before)
    assert after is before and [event.reason for event in events] == ["int32 is not a float"]


def test_it_declares_what_it_does() -> None:
    assert (RAISE_GELU.name, RAISE_GELU.numerics) == ("raise_gelu", "reassociate")
    assert RAISE_GELU.modes == ("train", "infer")
