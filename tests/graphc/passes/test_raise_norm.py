"""`raise_norm`: every way to write a normalisation, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph
from graphc.passes import RAISE_NORM
from tests.graphc.graphs import assert_same_structure, ops_of, run, spec
from tests.graphc.passes.terms import Term, assert_same_numbers, written

SHAPE, FEATURES = (2, 3, 8), (8,)
EPSILON = 1e-5
# Sums of eight float32 numbers, and a scale that is applied before the difference.
TOLERANCE = 4e-6


def _mean(x: Any, axis: Any = -1) -> Any:
    return x.op("reduce.mean", axis=axis, keepdims=True)


def _variance(x: Any, axis: Any = -1) -> Any:
    return x.op("reduce.var", axis=axis, keepdims=True) + EPSILON


def _root(x: Any) -> Any:
    return x.op("math.sqrt")


def _inverse(x: Any) -> Any:
    return x.op("math.rsqrt")


def _by_moments(x: Any) -> tuple[Any, Any]:
    mean, variance = x.op("nn.moments", axes=(2,), keepdims=True)
    return x - mean, variance + EPSILON


def _by_squares(x: Any, square: Any) -> tuple[Any, Any]:
    centred = x - _mean(x)
    return centred, _mean(square(centred)) + EPSILON


def _over_root(parts: tuple[Any, Any]) -> Any:
    return parts[0] / _root(parts[1])


def _times_inverse(parts: tuple[Any, Any]) -> Any:
    return parts[0] * _inverse(parts[1])


BARE: dict[str, Any] = {
    "over the root": lambda x: (x - _mean(x)) / _root(_variance(x)),
    "times the inverse": lambda x: _inverse(_variance(x)) * (x - _mean(x)),
    "one over the root": lambda x: (x - _mean(x)) * (1.0 / _root(_variance(x))),
    "to the power": lambda x: (x - _mean(x)) * _variance(x) ** -0.5,
    "over a power": lambda x: (x - _mean(x)) / _variance(x) ** 0.5,
    "moments": lambda x: _times_inverse(_by_moments(x)),
    "squares": lambda x: _over_root(_by_squares(x, lambda c: c.op("math.square"))),
    "powers of two": lambda x: _times_inverse(_by_squares(x, lambda c: c**2)),
    "products": lambda x: _over_root(_by_squares(x, lambda c: c * c)),
}
SCALED: dict[str, Any] = {
    "after it": lambda x, g: (x - _mean(x)) / _root(_variance(x)) * g,
    "before it": lambda x, g: g * ((x - _mean(x)) * _inverse(_variance(x))),
    "numerator": lambda x, g: g * (x - _mean(x)) / _root(_variance(x)),
    "numerator times": lambda x, g: (x - _mean(x)) * g * _inverse(_variance(x)),
    "with the inverse": lambda x, g: (x - _mean(x)) * (_inverse(_variance(x)) * g),
}
SQUARE: dict[str, Any] = {
    "square": lambda x: x.op("math.square"),
    "power": lambda x: x**2,
    "product": lambda x: x * x,
}


def _rms(square: Any) -> Any:
    return lambda x, s: x / _root(_mean(square(x)) + EPSILON) * s


RMS: dict[str, Any] = {
    **{name: _rms(square) for name, square in SQUARE.items()},
    "scale inside": lambda x, s: x * (_inverse(_mean(x * x) + EPSILON) * s),
    "scale first": lambda x, s: (s * x) / _root(_mean(x * x) + EPSILON),
}


def _expected(op: str, *present: bool) -> Graph:
    """Return the op with those of its parameters that are present."""
    b = Builder()
    x = b.param(spec(*SHAPE), "p0")
    operands = [
        b.param(spec(*FEATURES), f"p{i}") if here else None for i, here in enumerate(present)
    ]
    return b.finish([b.emit(op, x, *operands, axis=(2,), epsilon=EPSILON)])


def _check(before: Graph, expected: Graph) -> None:
    after, events = RAISE_NORM(before)
    assert_same_structure(after, expected)
    assert events and all(event.reason is None for event in events)
    assert_same_numbers(before, after, TOLERANCE)


@pytest.mark.parametrize("form", BARE)
def test_a_bare_layer_norm(form: str) -> None:
    _check(written(BARE[form], spec(*SHAPE)), _expected("nn.layer_norm", False, False))


@pytest.mark.parametrize("form", SCALED)
def test_a_scaled_layer_norm(form: str) -> None:
    before = written(SCALED[form], spec(*SHAPE), spec(*FEATURES))
    _check(before, _expected("nn.layer_norm", True, False))


@pytest.mark.parametrize("form", SCALED)
def test_a_scaled_and_shifted_layer_norm(form: str) -> None:
    def shifted(x: Term, gamma: Term, beta: Any) -> Term:
        return beta + SCALED[form](x, gamma)

    before = written(shifted, spec(*SHAPE), spec(*FEATURES), spec(*FEATURES))
    _check(before, _expected("nn.layer_norm", True, True))


def test_a_shifted_layer_norm_without_scale() -> None:
    before = written(lambda x, b: BARE["moments"](x) + b, spec(*SHAPE), spec(*FEATURES))
    _check(before, _expected("nn.layer_norm", False, True))


@pytest.mark.parametrize("form", RMS)
def test_a_root_mean_square_norm(form: str) -> None:
    before = written(RMS[form], spec(*SHAPE), spec(*FEATURES))
    _check(before, _expected("nn.rms_norm", True))


def test_a_bare_root_mean_square_norm() -> None:
    before = written(lambda x: x * _inverse(_mean(x * x) + EPSILON), spec(*SHAPE))
    _check(before, _expected("nn.rms_norm", False))


@pytest.mark.parametrize("axes", [(1, 2), (-1, -2), None], ids=str)
def test_the_last_axes_may_be_several(axes: Any) -> None:
    shape = SHAPE if axes is None else SHAPE[1:]

    def norm(x: Any, gamma: Term, beta: Term) -> Any:
        return (x - _mean(x, axes)) / _root(_variance(x, axes)) * gamma + beta

    before = written(norm, spec(*SHAPE), spec(*shape), spec(*shape))
    after, _ = RAISE_NORM(before)
    assert ops_of(after) == ["nn.layer_norm"]
    assert after.nodes[-1].attrs["axis"] == tuple(range(3 - len(shape), 3))
    assert_same_numbers(before, after, TOLERANCE)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("kind", ["layer", "rms"])
def test_narrow_floats_are_as_near_to_the_truth_as_before(kind: str, dtype: str) -> None:
    form = SCALED["after it"] if kind == "layer" else RMS["square"]
    given = [spec(*SHAPE, dtype=dtype), spec(*FEATURES, dtype=dtype)]
    before, true = written(form, *given), written(form, spec(*SHAPE), spec(*FEATURES))
    after, _ = RAISE_NORM(before)
    assert len(ops_of(after)) == 1
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(-2, 2, one.shape).astype(one.dtype) for one in given]
    wanted = run(true, (tuple(a.astype("float32") for a in arrays), (), ()))[0][0]
    ours, theirs = (run(graph, (tuple(arrays), (), ()))[0][0] for graph in (after, before))
    assert ours.dtype == theirs.dtype == np.dtype(dtype)
    errors = [np.abs(one.astype("float32") - wanted).max() for one in (ours, theirs)]
    assert errors[0] <= errors[1]


def test_squares_that_overflowed_do_not_any_more() -> None:
    """The documented difference of 16-bit floats."""
    before = written(lambda x: x / _root(_mean(x * x) + EPSILON), spec(1, 8, dtype="float16"))
    arguments = ((np.full((1, 8), 1000.0, "float16"),), (), ())
    assert run(before, arguments)[0][0].max() == 0.0
    assert run(RAISE_NORM(before)[0], arguments)[0][0].min() == 1.0


def _scaled(shape: tuple[int, ...]) -> Graph:
    return written(SCALED["numerator"], spec(*SHAPE), spec(*shape))


def _over(mean: Any, variance: Any) -> Graph:
    return written(lambda x: (x - _mean(x, mean)) / _root(_variance(x, variance)), spec(*SHAPE))


def _whole() -> Graph:
    return written(BARE["over the root"], spec(*SHAPE, dtype="int32"))


def _promoted() -> Graph:
    def norm(x: Any) -> Any:
        spread = x.op("reduce.var", axis=-1, keepdims=True)
        return (x - _mean(x)) / _root(spread + x.constant(np.float32(EPSILON)))

    return written(norm, spec(*SHAPE, dtype="bfloat16"))


NEAR: dict[str, tuple[Graph, str]] = {
    "two axes": (_over(-1, 1), "the mean is over (2,), the variance over (1,)"),
    "an inner axis": (_over(1, 1), "the axes (1,) are not the last ones"),
    "the first two": (_over((0, 1), (0, 1)), "the axes (0, 1) are not the last ones"),
    "a scale for each row": (
        _scaled((3, 8)),
        "the normalised axes have the shape (8,), the parameter (3, 8)",
    ),
    "one scale": (_scaled(()), "the normalised axes have the shape (8,), the parameter ()"),
    "whole numbers": (_whole(), "int32 is not a float"),
    "a wide constant": (_promoted(), "bfloat16 has become float32, the op would keep it"),
}


@pytest.mark.parametrize("name", NEAR)
def test_near_misses_are_left_alone(name: str) -> None:
    before, reason = NEAR[name]
    after, events = RAISE_NORM(before)
    assert after is before and [event.reason for event in events] == [reason]


def test_a_residual_is_no_shift() -> None:
    before = written(lambda x: x.op("nn.layer_norm", None, None, axis=-1) + x, spec(*SHAPE))
    after, events = RAISE_NORM(before)
    assert after is before
    reason = "the normalised axes have the shape (8,), the parameter (2, 3, 8)"
    assert [event.reason for event in events] == [reason]


OTHERS: dict[str, Any] = {
    "no epsilon": lambda x, y: (x - _mean(x)) / _root(x.op("reduce.var", axis=-1, keepdims=True)),
    "the variance of something else": lambda x, y: (x - _mean(x)) / _root(_variance(y)),
    "the mean of something else": lambda x, y: (x - _mean(y)) / _root(_variance(x)),
    "the deviation": lambda x, y: (x - _mean(x)) / (_variance(x) + EPSILON),
    "a sum": lambda x, y: (x + _mean(x)) / _root(_variance(x)),
    "the mean of the cube": lambda x, y: x / _root(_mean(x**3) + EPSILON),
    "lost axes": lambda x, y: x / _root((x * x).op("reduce.mean", axis=(0, 1, 2)) + EPSILON),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_pattern_is_left_alone(name: str) -> None:
    before = written(lambda x, y: OTHERS[name](x, y) + y, spec(*SHAPE), spec(*SHAPE))
    after, events = RAISE_NORM(before)
    assert after is before and events == ()


def test_a_difference_that_is_used_elsewhere_is_left_alone() -> None:
    def norm(x: Any) -> Any:
        centred = x - _mean(x)
        return centred / _root(_variance(x)) + centred

    before = written(norm, spec(*SHAPE))
    after, events = RAISE_NORM(before)
    assert after is before
    reason = "the result of math.subtract is used elsewhere too"
    assert [event.reason for event in events] == [reason]


def test_a_difference_that_stays_has_its_root_mean_square_taken() -> None:
    def norm(x: Any) -> Any:
        centred = x - _mean(x)
        return centred / _root(_mean(centred * centred) + EPSILON) + centred

    before = written(norm, spec(*SHAPE))
    after, _ = RAISE_NORM(before)
    assert ops_of(after) == ["reduce.mean", "math.subtract", "nn.rms_norm", "math.add"]
    assert_same_numbers(before, after, TOLERANCE)


def test_a_second_scale_is_left_alone() -> None:
    before = written(
        lambda x, g: x.op("nn.layer_norm", g, None, axis=-1) * g, spec(*SHAPE), spec(*FEATURES)
    )
    assert RAISE_NORM(before) == (before, ())


def test_keras_older_option_is_left_alone() -> None:
    before = written(
        lambda x, g: x.op("nn.layer_norm", None, None, axis=-1, rms_scaling=True) * g,
        spec(*SHAPE), spec(*FEATURES),
    )  # fmt: skip
    assert RAISE_NORM(before) == (before, ())


def test_it_declares_what_it_does() -> None:
    assert (RAISE_NORM.name, RAISE_NORM.numerics) == ("raise_norm", "relaxed")
    assert RAISE_NORM.modes == ("train", "infer")
