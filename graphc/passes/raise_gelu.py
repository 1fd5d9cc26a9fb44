"""Activations written out in elementary functions become one op.

    x (1 + erf(x / sqrt 2)) / 2                           = gelu(x)
    x erfc(-x / sqrt 2) / 2                               = gelu(x)
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2     = gelu(x), approximate
    x sigmoid(x)                                          = silu(x)
    x tanh(softplus(x))                                   = mish(x)

The factors may stand in any order, and the constants with any of them. Numerics are reassociated:
the ops round in an order of their own, and the exact gelu keeps the digits that 1 + erf(x) loses
below zero. Sources: arXiv 1606.08415 (gelu, silu), arXiv 1908.08681 (mish).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, Operand, Pattern, PatternBuilder, reason_against_numbers
from graphc.passes.base import Pass
from graphc.passes.same_dtype import reason_against_dtype
from graphc.rewrite import Rule

SLOPE = math.sqrt(2.0 / math.pi)
CUBIC = 0.044715


def _rule(
    name: str, op: str, pattern: Pattern, factors: Callable[[Match], Any], wanted: Any, **attrs: Any
) -> Rule:
    """Return the rule of an activation of `x`, whose constants are what `factors` gives."""

    def check(m: Match) -> str | None:
        return reason_against_dtype(m, "x") or reason_against_numbers(factors(m), wanted)

    def rewrite(b: Builder, m: Match) -> Value:
        return b.emit(op, m["x"], **attrs)

    return Rule(name, pattern, check, rewrite)


def _gate(p: PatternBuilder, curve: Operand) -> Operand:
    """Return `half x (shift + swing curve)`, the form of both gelus."""
    gate = p.emit("math.add", p.number("shift"), p.product(curve, scale="swing"))
    return p.product("x", gate, scale="half")


def _halves(m: Match) -> dict[str, float]:
    half, numbers = m.numbers["half"], m.numbers
    return {"the constant": half * numbers["shift"], "the factor": half * numbers["swing"]}


def _erf(p: PatternBuilder) -> Operand:
    return _gate(p, p.emit("math.erf", p.product("x", scale="inside")))


def _erf_factors(m: Match) -> dict[str, float]:
    return {**_halves(m), "the factor in erf": m.numbers["inside"]}


def _erfc(p: PatternBuilder) -> Operand:
    return p.product("x", p.emit("math.erfc", p.product("x", scale="inside")), scale="half")


def _erfc_factors(m: Match) -> dict[str, float]:
    return {"the factor": m.numbers["half"], "the factor in erfc": m.numbers["inside"]}


def _tanh(p: PatternBuilder) -> Operand:
    square = p.any(p.emit("math.square", "x"), p.emit("math.power", "x", 2))
    cubes = (("x", "x", "x"), ("x", square), (p.emit("math.power", "x", 3),))
    squares = (("x", "x"), (square,))
    cube = p.any(*(p.product(*factors, scale="third") for factors in cubes))
    bend = p.any(*(p.product(*factors, scale="third") for factors in squares))
    argument = p.any(
        p.product(p.emit("math.add", p.product("x", scale="first"), cube), scale="inside"),
        p.product("x", p.emit("math.add", p.number("first"), bend), scale="inside"),
    )
    return _gate(p, p.emit("math.tanh", argument))


def _tanh_factors(m: Match) -> dict[str, float]:
    first, third = (m.numbers["inside"] * m.numbers[name] for name in ("first", "third"))
    return {**_halves(m), "the factor of x in tanh": first, "that of its cube": third}


def _silu(p: PatternBuilder) -> Operand:
    return p.product("x", p.emit("nn.sigmoid", "x"), scale="whole")


def _mish(p: PatternBuilder) -> Operand:
    gate = p.emit("math.tanh", p.emit("nn.softplus", "x"))
    return p.product("x", gate, scale="whole")


def _whole(m: Match) -> dict[str, float]:
    return {"the factor": m.numbers["whole"]}


HALVES = {"the constant": 0.5, "the factor": 0.5}
ERF = {**HALVES, "the factor in erf": math.sqrt(0.5)}
ERFC = {"the factor": 0.5, "the factor in erfc": -math.sqrt(0.5)}
TANH = {**HALVES, "the factor of x in tanh": SLOPE, "that of its cube": SLOPE * CUBIC}

RAISE_GELU = Pass(
    name="raise_gelu",
    rules=(
        _rule("gelu_of_erf", "nn.gelu", _erf, _erf_factors, ERF, approximate=False),
        _rule("gelu_of_erfc", "nn.gelu", _erfc, _erfc_factors, ERFC, approximate=False),
        _rule("gelu_of_tanh", "nn.gelu", _tanh, _tanh_factors, TANH, approximate=True),
        _rule("silu_of_sigmoid", "nn.silu", _silu, _whole, {"the factor": 1.0}),
        _rule("mish_of_softplus", "nn.mish", _mish, _whole, {"the factor": 1.0}),
    ),
    numerics="reassociate",
)
