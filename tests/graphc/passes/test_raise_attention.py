"""`raise_attention`: every layout and mask, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.ir import Graph
from graphc.passes import RAISE_ATTENTION
from tests.graphc.graphs import assert_same_structure, ops_of, run, spec
from tests.graphc.passes.terms import Term, assert_same_numbers, written

B, T, S, N, H, V = 2, 3, 5, 2, 4, 6
SCALE = 0.3
# Sums of a few float32 numbers in another order.
TOLERANCE = 2e-6
LEAST = -1e9


def _softmax(x: Any) -> Any:
    return x.op("nn.softmax", axis=-1)


def _transpose(x: Any, *axes: int) -> Any:
    return x.op("shape.transpose", axes=axes)


def _einsum(subscripts: str, x: Any, y: Any) -> Any:
    return x.op("linalg.einsum", y, subscripts=subscripts)


def _op(q: Any, k: Any, v: Any, bias: Any = None, mask: Any = None, **attrs: Any) -> Any:
    return q.op("nn.attention", k, v, bias, mask, **{"scale": SCALE, **attrs})


def _one_head(x: Any) -> Any:
    batch, rows, features = x.shape
    return x.op("shape.reshape", newshape=(batch, rows, 1, features))


def _without_heads(x: Any) -> Any:
    batch, rows, _, features = x.shape
    return x.op("shape.reshape", newshape=(batch, rows, features))


def _single(q: Any, k: Any, v: Any, **attrs: Any) -> Any:
    return _without_heads(_op(_one_head(q), _one_head(k), _one_head(v), **attrs))


def _first(q: Any, k: Any, v: Any, **attrs: Any) -> Any:
    """Attention of heads that come before positions."""
    return _transpose(_op(*(_transpose(x, 0, 2, 1, 3) for x in (q, k, v)), **attrs), 0, 2, 1, 3)


def _between(q: Any, k: Any, v: Any) -> Any:
    q, k, v = (_transpose(x, 0, 2, 1, 3) for x in (q, k, v))
    shares = _softmax(SCALE * (q @ _transpose(k, 0, 1, 3, 2)))
    return _transpose(shares @ v, 0, 2, 1, 3)


BARE, HEADS_FIRST, HEADS_LAST = "btd", "bntd", "btnd"
SHAPES: dict[str, list[tuple[int, ...]]] = {
    BARE: [(B, T, H), (B, S, H), (B, S, V)],
    HEADS_FIRST: [(B, N, T, H), (B, N, S, H), (B, N, S, V)],
    HEADS_LAST: [(B, T, N, H), (B, S, N, H), (B, S, N, V)],
}
LAYOUTS: dict[str, tuple[str, Any, Any]] = {
    "one head": (BARE, lambda q, k, v: _softmax(q @ _transpose(k, 0, 2, 1) * SCALE) @ v, _single),
    "one head, axes swapped": (
        BARE,
        lambda q, k, v: _softmax(q @ k.op("shape.swapaxes", axis1=-1, axis2=-2) / (1 / SCALE)) @ v,
        _single,
    ),
    "one head, summed": (
        BARE,
        lambda q, k, v: _einsum(
            "bts,bsd->btd", _softmax(SCALE * _einsum("btd,bsd->bts", q, k)), v
        ),
        _single,
    ),
    "scale before": (
        BARE, lambda q, k, v: _softmax((q * SCALE) @ _transpose(k, 0, 2, 1)) @ v, _single,
    ),
    "scale on both": (
        BARE,
        lambda q, k, v: _softmax((q / 2.0) @ _transpose(k * (2 * SCALE), 0, 2, 1)) @ v,
        _single,
    ),
    "key first": (
        HEADS_LAST,
        lambda q, k, v: _einsum(
            "acbe,aecd->abcd", _softmax(_einsum("aecd,abcd->acbe", k, q * SCALE)), v
        ),
        _op,
    ),
    "heads last": (
        HEADS_LAST,
        lambda q, k, v: _einsum(
            "bhqk,bkhd->bqhd", _softmax(_einsum("bqhd,bkhd->bhqk", q, k) * SCALE), v
        ),
        _op,
    ),
    "value first": (
        HEADS_LAST,
        lambda q, k, v: _einsum(
            "bkhd,bhqk->bqhd", v, _softmax(_einsum("bqhd,bkhd->bhqk", q, k) * SCALE)
        ),
        _op,
    ),
    "heads first": (
        HEADS_FIRST,
        lambda q, k, v: _softmax(q @ _transpose(k, 0, 1, 3, 2) * SCALE) @ v,
        _first,
    ),
    "heads moved between": (HEADS_LAST, _between, lambda *t: _twice(_op(*t))),
}  # fmt: skip


def _twice(x: Any) -> Any:
    """The transposes that meet where the user's result was transposed back."""
    return _transpose(_transpose(x, 0, 2, 1, 3), 0, 2, 1, 3)


def _specs(layout: str, dtype: str = "float32") -> list[Any]:
    return [spec(*shape, dtype=dtype) for shape in SHAPES[layout]]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout(name: str) -> None:
    layout, form, expected = LAYOUTS[name]
    before = written(form, *_specs(layout))
    after, events = RAISE_ATTENTION(before)
    (attention,) = [node for node in after.nodes if node.op == "nn.attention"]
    scale = attention.attrs["scale"]
    assert scale == pytest.approx(SCALE, rel=1e-12)
    wanted = written(lambda *terms: _rescaled(expected(*terms), scale), *_specs(layout))
    assert_same_structure(after, wanted)
    assert [event.reason for event in events] == [None]
    assert_same_numbers(before, after, TOLERANCE)


def _rescaled(x: Any, scale: float) -> Any:
    """The same term with the scale of its attention replaced, last digits included."""
    node = x.value.node
    if node.op == "nn.attention":
        operands = [None if value is None else Term(x.builder, value) for value in node.inputs]
        return operands[0].op(node.op, *operands[1:], **{**node.attrs, "scale": scale})
    below = _rescaled(Term(x.builder, node.inputs[0]), scale)
    return below.op(node.op, **node.attrs)


FUTURE = np.triu(np.ones((T, T), bool), 1)
KEPT = ~FUTURE


def _scores(q: Any, k: Any) -> Any:
    return q @ _transpose(k, 0, 2, 1) * SCALE


def _where(condition: Any, x: Any, y: Any) -> Any:
    return condition.op("math.where", x, y)


CAUSAL: dict[str, Any] = {
    "visible": lambda s: _where(s.constant(KEPT), s, LEAST),
    "visible as numbers": lambda s: _where(s.constant(KEPT.astype("float32")), s, -1e30),
    "visible with an axis": lambda s: _where(s.constant(KEPT[None]), s, float("-inf")),
    "hidden": lambda s: _where(s.constant(FUTURE), LEAST, s),
    "added": lambda s: s + np.where(FUTURE, LEAST, 0.0).astype("float32"),
    "added infinity": lambda s: np.where(FUTURE, -np.inf, 0.0).astype("float32") + s,
    "subtracted": lambda s: s - np.where(FUTURE, 1e10, 0.0).astype("float32"),
}


def _attend(change: Any) -> Any:
    return lambda q, k, v: _softmax(change(_scores(q, k))) @ v


SQUARE = [(B, T, H), (B, T, H), (B, T, V)]


@pytest.mark.parametrize("name", CAUSAL)
def test_a_constant_that_hides_the_future_is_causal(name: str) -> None:
    specs = [spec(*shape) for shape in SQUARE]
    before = written(_attend(CAUSAL[name]), *specs)
    after, _ = RAISE_ATTENTION(before)
    assert_same_structure(after, written(lambda *t: _single(*t, is_causal=True), *specs))
    assert_same_numbers(before, after, TOLERANCE)


HIDING: dict[str, tuple[tuple[int, ...], Any]] = {
    "keys": ((B, 1, S), lambda m, s: _where(m, s, LEAST)),
    "keys by numbers": ((B, 1, S), lambda m, s: _where(m.op("core.cast", dtype="int32"), s, LEAST)),
    "pairs": ((T, S), lambda m, s: _where(m, s, -1e30)),
    "hidden": ((B, T, S), lambda m, s: _where(m, LEAST, s)),
    "one vector": ((S,), lambda m, s: _where(m, s, LEAST)),
}


@pytest.mark.parametrize("name", HIDING)
def test_a_mask_is_passed_on(name: str) -> None:
    """Rows that see all keys or none are among them: the latter get the mean both ways."""
    shape, form = HIDING[name]
    specs = [*_specs(BARE), spec(*shape, dtype="bool")]
    before = written(lambda q, k, v, m: _softmax(form(m, _scores(q, k))) @ v, *specs)
    after, _ = RAISE_ATTENTION(before)
    (attention,) = [node for node in after.nodes if node.op == "nn.attention"]
    bias, mask = attention.inputs[3:]
    assert bias is None and mask is not None and mask.spec.dtype == "bool"
    assert "nn.softmax" not in ops_of(after) and not attention.attrs["is_causal"]
    for seed in range(3):
        arguments = _masked_arguments(before, seed)
        one, other = (run(graph, arguments)[0][0] for graph in (before, after))
        np.testing.assert_allclose(other, one, atol=TOLERANCE * np.abs(one).max(), rtol=0)


def _masked_arguments(graph: Graph, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    *floats, mask = graph.params
    arrays = [rng.uniform(-2, 2, x.spec.shape).astype("float32") for x in floats]
    drawn = rng.integers(0, 2, mask.spec.shape).astype(bool)
    drawn[:1] = seed == 1
    return (*arrays, drawn), (), ()


def test_a_constant_mask_that_is_not_causal_is_passed_on() -> None:
    table = KEPT.copy()
    table[2, 0] = False
    specs = [spec(*shape) for shape in SQUARE]
    before = written(_attend(lambda s: _where(s.constant(table), s, float("-inf"))), *specs)
    after, _ = RAISE_ATTENTION(before)
    (attention,) = [node for node in after.nodes if node.op == "nn.attention"]
    assert not attention.attrs["is_causal"] and attention.inputs[4] is not None
    assert_same_numbers(before, after, TOLERANCE)


@pytest.mark.parametrize("shape", [(B, N, T, S), (N, T, S), (1, 1, S), (T, 1)], ids=str)
@pytest.mark.parametrize("sign", ["added", "subtracted"])
def test_a_bias_is_passed_on(shape: tuple[int, ...], sign: str) -> None:
    def form(q: Any, k: Any, v: Any, bias: Any) -> Any:
        scores = q @ _transpose(k, 0, 1, 3, 2) * SCALE
        return _softmax(scores + bias if sign == "added" else scores - bias) @ v

    before = written(form, *_specs(HEADS_FIRST), spec(*shape))
    after, _ = RAISE_ATTENTION(before)
    assert "nn.attention" in ops_of(after) and "nn.softmax" not in ops_of(after)
    assert_same_numbers(before, after, TOLERANCE)


def test_bias_and_mask_and_casts_at_once() -> None:
    def form(q: Any, k: Any, v: Any, bias: Any) -> Any:
        scores = (q @ _transpose(k, 0, 1, 3, 2)).op("core.cast", dtype="float32") * SCALE
        kept = _where(bias.constant(np.tri(T, S, dtype=bool)), scores + bias, LEAST)
        return _softmax(kept).op("core.cast", dtype="bfloat16") @ v

    before = written(form, *_specs(HEADS_FIRST, "bfloat16"), spec(N, T, S))
    after, _ = RAISE_ATTENTION(before)
    (attention,) = [node for node in after.nodes if node.op == "nn.attention"]
    assert attention.attrs["is_causal"] and attention.inputs[3] is not None
    assert_same_numbers(before, after, 3e-2)


def _masked(fill: float) -> Graph:
    def form(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return _softmax(_where(mask, _scores(q, k), fill)) @ v

    return written(form, *_specs(BARE), spec(B, T, S, dtype="bool"))


def _constant_with_an_empty_row() -> Graph:
    table = KEPT.copy()
    table[0] = False
    form = _attend(lambda s: _where(s.constant(table), s, float("-inf")))
    return written(form, *(spec(*shape) for shape in SQUARE))


def _biased(shape: tuple[int, ...], dtype: str, batch: int = B) -> Graph:
    def form(q: Any, k: Any, v: Any, bias: Any) -> Any:
        return _softmax(_scores(q, k) + bias) @ v

    specs = [spec(batch, T, H), spec(batch, S, H), spec(B, S, V)]
    return written(form, *specs, spec(*shape, dtype=dtype))


def _form(layout: str, form: Any, dtype: str = "float32") -> Graph:
    return written(form, *_specs(layout, dtype))


def _over(axis: Any) -> Any:
    def form(q: Any, k: Any, v: Any) -> Any:
        return (q @ _transpose(k, 0, 2, 1)).op("nn.softmax", axis=axis) @ v

    return form


def _shared_keys() -> Graph:
    specs = [spec(B, T, H), spec(1, S, H), spec(B, S, V)]
    return written(lambda q, k, v: _softmax(q @ _transpose(k, 0, 2, 1)) @ v, *specs)


def _flat() -> Graph:
    specs = [spec(T, H), spec(S, H), spec(S, V)]
    return written(lambda q, k, v: _softmax(q @ _transpose(k, 1, 0)) @ v, *specs)


EMPTY = "a query that sees no key gets NaN, the op gives it the mean of the values"
NEAR: dict[str, tuple[Graph, str]] = {
    "infinity": (_masked(float("-inf")), EMPTY),
    "an empty row": (_constant_with_an_empty_row(), EMPTY),
    "not negative enough": (
        _masked(-1e4),
        "hidden scores are -10000, which scores may come near",
    ),
    "queries normalised": (
        _form(BARE, _over(1)),
        "the second product is no sum over keys: bst,bte->bse",
    ),
    "several axes": (_form(BARE, _over((1, 2))), "the softmax is over the axes (1, 2)"),
    "no batch": (_flat(), "the scores have 0 axes beside those of queries and keys"),
    "shared keys": (_shared_keys(), "an axis is broadcast: (2, 3, 4) with (1, 4, 5)"),
    "whole bias": (
        _biased((B, T, S), "int32"),
        "int32 is not a float of at most 32 bits",
    ),
    "wide bias": (
        _biased((B, T, S), "float32", batch=1),
        "a table of the shape (2, 3, 5) does not broadcast to the scores (1, 3, 5)",
    ),
    "whole numbers": (
        _form(BARE, lambda q, k, v: _softmax(q @ _transpose(k, 0, 2, 1)) @ v, "int32"),
        "int32 is not a float of at most 32 bits",
    ),
}


@pytest.mark.parametrize("name", NEAR)
def test_near_misses_are_left_alone(name: str) -> None:
    before, reason = NEAR[name]
    after, events = RAISE_ATTENTION(before)
    assert after is before and [event.reason for event in events] == [reason]


def test_a_half_cannot_hold_the_least_score() -> None:
    def form(q: Any, k: Any, v: Any, mask: Any) -> Any:
        return _softmax(_where(mask, _scores(q, k), LEAST)) @ v

    before = written(form, *_specs(BARE, "float16"), spec(B, T, S, dtype="bool"))
    after, events = RAISE_ATTENTION(before)
    assert after is before and [event.reason for event in events] == [EMPTY]


def test_shares_that_are_used_elsewhere_are_left_alone() -> None:
    def form(q: Any, k: Any, v: Any) -> Any:
        shares = _softmax(_scores(q, k))
        return shares @ v + shares.op("reduce.sum")

    before = _form(BARE, form)
    after, events = RAISE_ATTENTION(before)
    assert after is before
    assert [event.reason for event in events] == ["the result of nn.softmax is used elsewhere too"]


OTHERS: dict[str, Any] = {
    "no softmax": lambda q, k, v: _scores(q, k) @ v,
    "dropped shares": lambda q, k, v: (_softmax(_scores(q, k)) * (q.op("reduce.sum"))) @ v,
    "scores after a function": lambda q, k, v: _softmax(_scores(q, k).op("math.tanh")) @ v,
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_another_pattern_is_left_alone(name: str) -> None:
    before = _form(BARE, OTHERS[name])
    assert RAISE_ATTENTION(before) == (before, ())


def test_it_declares_what_it_does() -> None:
    assert (RAISE_ATTENTION.name, RAISE_ATTENTION.numerics) == ("raise_attention", "relaxed")
    assert RAISE_ATTENTION.modes == ("train", "infer")
