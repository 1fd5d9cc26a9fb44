"""Search spaces: what may be asked for, what is chosen, and what is refused."""

from __future__ import annotations

import math

import pytest

from graphc.keras_tuner import HyperParameters
from graphc.keras_tuner.engine.hyperparameters import Boolean, Choice, Fixed, Float, Int

LISTED = [
    (Int("n", 6, 12), [6, 7, 8, 9, 10, 11, 12]),
    (Int("n", 6, 13, step=3), [6, 9, 12]),
    (Int("n", 2, 32, step=2, sampling="log"), [2, 4, 8, 16, 32]),
    (Int("n", 8, 8), [8]),
    (Float("x", 0, 1, step=0.2), [0, 0.2, 0.4, 0.6, 0.8, 1]),
    (Float("x", 0.001, 10, step=10, sampling="log"), [0.001, 0.01, 0.1, 1, 10]),
    (Float("x", 1, 4, step=2, sampling="reverse_log"), [4, 3, 1]),
    (Choice("c", ["a", "b"]), ["a", "b"]),
    (Choice("c", [1.0, 2.0]), [1.0, 2.0]),
    (Boolean("b"), [True, False]),
    (Fixed("f", 7), [7]),
]


@pytest.mark.parametrize(("hp", "values"), LISTED, ids=str)
def test_values_of_what_has_steps(hp, values):
    found = list(hp.values)
    assert found == pytest.approx(values) if not isinstance(values[0], str) else found == values
    assert all(type(one) is type(found[0]) for one in found)


@pytest.mark.parametrize("hp", [hp for hp, _ in LISTED], ids=str)
def test_a_value_and_its_place_belong_together(hp):
    for value in hp.values:
        assert hp.prob_to_value(hp.value_to_prob(value)) == pytest.approx(value)


RANGES = [
    Int("n", 1, 10),
    Int("n", 1, 1000, sampling="log"),
    Int("n", 1, 1000, sampling="reverse_log"),
    Float("x", -2, 3),
    Float("x", 1e-4, 1e-1, sampling="log"),
    Float("x", 1e-4, 1e-1, sampling="reverse_log"),
]


@pytest.mark.parametrize("hp", RANGES, ids=str)
def test_draws_stay_within_and_reach_both_ends(hp):
    draws = [hp.random_sample(seed) for seed in range(500)]
    assert min(draws) >= hp.min_value and max(draws) <= hp.max_value
    near = 0.05 * (hp.max_value - hp.min_value)
    assert min(draws) <= hp.min_value + near and max(draws) >= hp.max_value - near
    assert [hp.random_sample(seed) for seed in range(5)] == draws[:5]


def test_logarithmic_draws_spread_over_the_decades():
    hp = Float("x", 1e-4, 1.0, sampling="log")
    draws = [math.log10(hp.random_sample(seed)) for seed in range(2000)]
    for decade in range(-4, 0):
        share = sum(decade <= one < decade + 1 for one in draws) / len(draws)
        assert 0.2 < share < 0.3


WRONG = [
    (lambda hp: hp.Choice("c", []), ValueError, "at least one value"),
    (lambda hp: hp.Choice("c", [1, "a"]), TypeError, "must all be int"),
    (lambda hp: hp.Choice("c", [[1], [2]]), TypeError, "must all be int"),
    (lambda hp: hp.Choice("c", ["a"], default="b"), ValueError, "default='b'"),
    (lambda hp: hp.Choice("c", ["a"], ordered=True), ValueError, "ordered"),
    (lambda hp: hp.Int("n", 5, 1), ValueError, "min_value=5"),
    (lambda hp: hp.Int("n", 1, 2.5), ValueError, "2.5"),
    (lambda hp: hp.Int("n", 1, 5, step=0), ValueError, "step=0"),
    (lambda hp: hp.Float("x", 0, 1, sampling="log"), ValueError, "min_value=0.0"),
    (lambda hp: hp.Float("x", 1, 2, step=1, sampling="log"), ValueError, "factor"),
    (lambda hp: hp.Float("x", 1, 2, sampling="exp"), ValueError, "'exp'"),
    (lambda hp: hp.Boolean("b", default="yes"), ValueError, "yes"),
    (lambda hp: hp.Fixed("f", [1]), ValueError, r"\[1\]"),
    (lambda hp: hp.get("units"), KeyError, "units"),
    (lambda hp: hp.Int("n", 1, 2, parent_name="model", parent_values=["a"]), ValueError, "model"),
]


@pytest.mark.parametrize(("ask", "error", "words"), WRONG)
def test_what_makes_no_sense_is_refused(ask, error, words):
    with pytest.raises(error, match=words):
        ask(HyperParameters())


def test_an_unknown_name_lists_the_nearest():
    hp = HyperParameters()
    hp.Int("units", 1, 8)
    with pytest.raises(KeyError, match="Did you mean 'units'"):
        hp.get("unit")


def test_the_first_request_has_the_default_and_later_ones_the_value():
    hp = HyperParameters()
    assert hp.Int("units", 4, 64, default=16) == 16
    hp.values["units"] = 32
    assert hp.Int("units", 4, 64) == 32 == hp.get("units") == hp["units"]
    assert "units" in hp and "rate" not in hp
    assert len(hp.space) == 1


def test_scopes_name_what_is_inside():
    hp = HyperParameters()
    with hp.name_scope("encoder"), hp.name_scope("first"):
        hp.Boolean("norm", default=True)
        assert hp.get("norm") is True
    assert hp.values == {"encoder/first/norm": True}


def ask_by_model(hp):
    kind = hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["mlp"]):
        layers = hp.Int("layers", 1, 3)
    with hp.conditional_scope("model", ["cnn"]):
        filters = hp.Int("filters", 8, 16)
        with hp.conditional_scope("filters", [16]):
            pooled = hp.Boolean("pool")
    return kind, layers, filters, pooled


def test_conditions_decide_what_has_a_value():
    hp = HyperParameters()
    assert ask_by_model(hp) == ("mlp", 1, None, None)
    assert hp.values == {"model": "mlp", "layers": 1}
    assert [one.name for one in hp.space] == ["model", "layers", "filters", "pool"]
    with pytest.raises(ValueError, match="filters is currently inactive"):
        hp.get("filters")
    hp.values["model"] = "cnn"
    hp.ensure_active_values()
    assert hp.values == {"model": "cnn", "filters": 8}
    hp.values["filters"] = 16
    assert ask_by_model(hp) == ("cnn", None, 16, False)


def test_a_copy_through_plain_data_is_the_same_and_independent():
    hp = HyperParameters()
    ask_by_model(hp)
    hp.Float("rate", 1e-3, 1, sampling="log", default=0.1)
    hp.Fixed("seed", 3)
    copy = HyperParameters.from_config(hp.get_config())
    assert copy.get_config() == hp.get_config()
    copy.values["model"] = "cnn"
    copy.Boolean("new")
    assert hp.values["model"] == "mlp" and len(hp.space) == 6


def test_the_same_name_may_differ_under_other_conditions():
    hp = HyperParameters()
    hp.Choice("model", ["a", "b"])
    first = hp.Int("units", 1, 4, parent_name="model", parent_values=["a"])
    second = hp.Int("units", 100, 400, parent_name="model", parent_values=["b"])
    assert (first, second) == (1, None)
    hp.values = {"model": "b"}
    hp.ensure_active_values()
    assert hp.values["units"] == 100


def test_overrides_replace_by_name():
    hp = HyperParameters()
    hp.Float("rate", 0, 1)
    other = HyperParameters()
    other.Fixed("rate", 0.25)
    hp.merge(other)
    assert hp.Float("rate", 0, 1) == 0.25
    hp.merge([Int("n", 1, 3), Fixed("rate", 0.5)], overwrite=False)
    assert hp.values == {"rate": 0.25, "n": 1}
