"""Cases of recurrent layers."""

from __future__ import annotations

from typing import Any

from graphc.kernels.cases.case import BATCH, Case, Input, floats, ints

GATES = {"simple_rnn": 1, "gru": 3, "lstm": 4}
STATES = {"simple_rnn": 1, "gru": 1, "lstm": 2}
# Steps, features and units of the sequences on which the layers are compared with their peers.
LONG = (200, 64, 64)
# Name: attributes, whether there are a bias, first states, a mask and recurrent dropout.
VARIANTS: dict[str, tuple[dict[str, Any], bool, bool, bool, bool]] = {
    "plain": ({}, True, False, False, False),
    "states": ({}, True, True, False, False),
    "no_bias": ({}, False, True, False, False),
    "masked": ({}, True, True, True, False),
    "zeroed": ({"zero_output_for_mask": True}, True, False, True, False),
    "backwards": ({"go_backwards": True}, True, True, True, False),
    "dropout": ({"go_backwards": True}, True, True, True, True),
    "relu": ({"activation": "relu"}, True, False, False, False),
}


def _weights(layer: str, features: int, units: int, bias: bool) -> tuple[Input | None, ...]:
    wide, small = GATES[layer] * units, {"low": -1.0 / units**0.5, "high": 1.0 / units**0.5}
    shape = (2, wide) if layer == "gru" else (wide,)
    return (
        floats(features, wide, **small),
        floats(units, wide, **small),
        floats(*shape, **small) if bias else None,
    )


def _states(layer: str, units: int, given: bool) -> tuple[Input | None, ...]:
    state = floats(BATCH, units, low=-1, high=1) if given else None
    return (state,) * STATES[layer]


def _mask(steps: int) -> Input:
    return ints(BATCH, steps, high=2)


def _case(layer: str, name: str) -> Case:
    attrs, bias, states, mask, dropout = VARIANTS[name]
    return Case(
        f"nn.{layer}",
        name,
        (
            floats(BATCH, 7, 5),
            *_weights(layer, 5, 6, bias),
            *_states(layer, 6, states),
            _mask(7) if mask else None,
            floats(BATCH, GATES[layer], 6, low=0, high=1) if dropout else None,
        ),
        attrs,
    )


def _both_ways(layer: str, name: str) -> Case:
    attrs, bias, states, mask, dropout = VARIANTS[name]
    attrs = {key: value for key, value in attrs.items() if key != "go_backwards"}
    factors = floats(BATCH, GATES[layer], 6, low=0, high=1) if dropout else None
    operands = (*_weights(layer, 5, 6, bias), *_states(layer, 6, states), factors)
    inputs = (floats(BATCH, 7, 5), _mask(7) if mask else None, *operands, *operands)
    return Case("nn.bidirectional", f"{layer}_{name}", inputs, {**attrs, "layer": layer})


def _long(layer: str) -> list[Case]:
    steps, features, units = LONG
    x, weights = floats(BATCH, steps, features), _weights(layer, features, units, True)
    states = _states(layer, units, False)
    one = (x, *weights, *states, None, None)
    masked = (x, *weights, *states, _mask(steps), None)
    both = (x, None, *weights, *states, None, *weights, *states, None)
    common = {"batch": 32, "tolerance": 1e-4, "bench": True}
    return [
        Case(f"nn.{layer}", "long", one, **common),
        Case(f"nn.{layer}", "long_masked", masked, **common),
        Case("nn.bidirectional", f"{layer}_long", both, {"layer": layer}, **common),
    ]


def recurrent_cases() -> list[Case]:
    """All of them."""
    cases = [_case(layer, name) for layer in GATES for name in VARIANTS]
    cases += [_both_ways("lstm", name) for name in ("plain", "masked", "zeroed", "dropout")]
    cases += [_both_ways("gru", "masked"), _both_ways("simple_rnn", "states")]
    before = {"reset_after": False}
    gru = _weights("gru", 5, 6, False)
    flat = (floats(BATCH, 7, 5), *gru[:2], floats(18), floats(BATCH, 6), None, None)
    cases.append(Case("nn.gru", "reset_before", flat, before))
    projected = (floats(BATCH, 7, 24), None, *_weights("lstm", 5, 6, True)[1:], None, None)
    cases.append(Case("nn.lstm", "projected", (*projected, None, None)))
    cases.append(Case("nn.lstm", "projected_masked", (*projected, _mask(7), None)))
    return [*cases, *(case for layer in GATES for case in _long(layer))]
