"""`raise_products`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir import Graph
from graphc.passes import RAISE_PRODUCTS
from tests.graphc.graphs import assert_same_structure, ops_of, spec
from tests.graphc.passes.terms import assert_same_numbers, written

A, B, C, D, E = 2, 3, 4, 5, 6
SIZES = {"a": A, "b": B, "c": C, "d": D, "e": E}
# Sums of at most twenty float32 numbers in another order.
TOLERANCE = 3e-6


def _shape(letters: str) -> tuple[int, ...]:
    return tuple(SIZES[letter] for letter in letters)


def _reshape(x: Any, *shape: int) -> Any:
    return x if x.shape == shape else x.op("shape.reshape", newshape=shape)


def _dense(x: Any, w: Any, bias: Any, kept: str, met: str, new: str) -> Any:
    """The dense layer between letters that are kept, met and new."""
    rows, columns = 1, 1
    for letter in met:
        rows *= SIZES[letter]
    for letter in new:
        columns *= SIZES[letter]
    x, w = _reshape(x, *_shape(kept), rows), _reshape(w, rows, columns)
    bias = None if bias is None else _reshape(bias, columns)
    return _reshape(x.op("nn.dense", w, bias), *_shape(kept + new))


# How it is written, and the letters that are kept, met and new.
PLAIN: dict[str, tuple[Any, str, str, str]] = {
    "one for one": (("linalg.einsum", "abc,cd->abd"), "ab", "c", "d"),
    "one for two": (("linalg.einsum", "abc,cde->abde"), "ab", "c", "de"),
    "two for one": (("linalg.einsum", "abcd,cde->abe"), "ab", "cd", "e"),
    "two for two": (("linalg.einsum", "abc, bcde -> ade"), "a", "bc", "de"),
    "dots": (("linalg.einsum", "...c,cde->...de"), "ab", "c", "de"),
    "dots and a letter": (("linalg.einsum", "a...c,cd->a...d"), "ab", "c", "d"),
    "axes counted": (("linalg.tensordot", 2), "a", "bc", "de"),
    "axes named": (("linalg.tensordot", ((2,), (0,))), "ab", "c", "de"),
    "axes from the end": (("linalg.tensordot", ((-2, -1), (-3, -2))), "a", "bc", "d"),
    "bare axes": (("linalg.tensordot", (-1, 0)), "ab", "c", "d"),
}


def _product(how: tuple[str, Any], x: Any, w: Any) -> Any:
    op, described = how
    return x.op(op, w, **{"subscripts" if op == "linalg.einsum" else "axes": described})


def _check(before: Graph, expected: Graph) -> None:
    after, events = RAISE_PRODUCTS(before)
    assert_same_structure(after, expected)
    assert events and all(event.reason is None for event in events)
    assert_same_numbers(before, after, TOLERANCE)


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_product_is_a_dense_layer(name: str) -> None:
    how, kept, met, new = PLAIN[name]
    specs = [spec(*_shape(kept + met)), spec(*_shape(met + new))]
    before = written(lambda x, w: _product(how, x, w), *specs)
    _check(before, written(lambda x, w: _dense(x, w, None, kept, met, new), *specs))


@pytest.mark.parametrize("first", [True, False], ids=["bias first", "bias last"])
@pytest.mark.parametrize("name", PLAIN)
def test_the_bias_after_it_is_that_of_the_layer(name: str, first: bool) -> None:
    how, kept, met, new = PLAIN[name]

    def form(x: Any, w: Any, bias: Any) -> Any:
        product = _product(how, x, w)
        return bias + product if first else product + bias

    specs = [spec(*_shape(kept + met)), spec(*_shape(met + new)), spec(*_shape(new))]
    before = written(form, *specs)
    _check(before, written(lambda x, w, b: _dense(x, w, b, kept, met, new), *specs))


MATRIX: dict[str, Any] = {
    "matmul": lambda x, w, b: x @ w + b,
    "matmul, bias first": lambda x, w, b: b + x @ w,
    "dot": lambda x, w, b: x.op("linalg.dot", w) + b,
}


@pytest.mark.parametrize("kept", ["a", "ab"])
@pytest.mark.parametrize("name", MATRIX)
def test_a_matrix_product_with_a_bias_is_a_dense_layer(name: str, kept: str) -> None:
    specs = [spec(*_shape(kept + "c")), spec(C, D), spec(D)]
    expected = written(lambda x, w, b: x.op("nn.dense", w, b), *specs)
    _check(written(MATRIX[name], *specs), expected)


def test_the_projections_of_attention_are_dense_layers() -> None:
    def form(x: Any, w: Any, bias: Any, v: Any, last: Any) -> Any:
        heads = x.op("linalg.einsum", w, subscripts="abc,cde->abde") + bias
        return heads.op("linalg.einsum", v, subscripts="abde,dec->abc") + last

    specs = [spec(A, B, C), spec(C, D, E), spec(D, E), spec(D, E, C), spec(C)]
    before = written(form, *specs)
    after, _ = RAISE_PRODUCTS(before)
    assert set(ops_of(after)) == {"nn.dense", "shape.reshape"}
    assert ops_of(after).count("nn.dense") == 2
    assert_same_numbers(before, after, TOLERANCE)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_keep_their_dtype(dtype: str) -> None:
    form = lambda x, w, b: _product(PLAIN["one for two"][0], x, w) + b  # noqa: E731
    specs = [spec(*shape, dtype=dtype) for shape in ((A, B, C), (C, D, E), (D, E))]
    before = written(form, *specs)
    after, _ = RAISE_PRODUCTS(before)
    assert "nn.dense" in ops_of(after)
    assert_same_numbers(before, after, {"float16": 4e-3, "bfloat16": 3e-2}[dtype])


def _einsum(subscripts: str, x: str, w: str, dtype: str = "float32") -> Graph:
    return written(
        lambda x, w: x.op("linalg.einsum", w, subscripts=subscripts),
        *(spec(*_shape(letters), dtype=dtype) for letters in (x, w)),
    )


def _biased(x: str, w: str, bias: tuple[int, ...]) -> Graph:
    return written(MATRIX["matmul"], spec(*_shape(x)), spec(*_shape(w)), spec(*bias))


def _lone(terms: str) -> str:
    return f"{terms} has no axes to sum, or none to keep"


def _plain(terms: str) -> str:
    return f"{terms} is no plain product: it permutes or pairs axes"


NEAR: dict[str, tuple[Graph, str]] = {
    "weights transposed": (_einsum("abc,dc->abd", "abc", "dc"), _plain("abc,dc->abd")),
    "result permuted": (_einsum("abc,cd->adb", "abc", "cd"), _plain("abc,cd->adb")),
    "weights first": (_einsum("cd,abc->abd", "cd", "abc"), _plain("cd,abc->abd")),
    "paired axes": (_einsum("abc,acd->abd", "abc", "acd"), _plain("abc,acd->abd")),
    "elementwise": (_einsum("abc,c->abc", "abc", "c"), _lone("abc,c->abc")),
    "outer": (_einsum("ab,cd->abcd", "ab", "cd"), _lone("ab,cd->abcd")),
    "a vector": (_einsum("c,cd->d", "c", "cd"), _lone("c,cd->d")),
    "summed alone": (_einsum("abc,cd->ad", "abc", "cd"), _plain("abc,cd->ad")),
    "a diagonal": (_einsum("aab,bc->ac", "aab", "bc"), "'aab,bc->ac' takes a diagonal"),
    "no arrow": (_einsum("ab,bc", "ab", "bc"), "'ab,bc' is not of the form 'x,y->z'"),
    "whole numbers": (_einsum("ab,bc->ac", "ab", "bc", "int32"), "int32 is not a float"),
    "a residual": (
        _biased("abc", "cd", (A, B, D)), "the bias has the shape (2, 3, 5), the columns (5,)",
    ),
    "one number": (_biased("ac", "cd", ()), "the bias has the shape (), the columns (5,)"),
    "a row": (_biased("ac", "cd", (1, D)), "the bias has the shape (1, 5), the columns (5,)"),
    "batched weights": (_biased("abc", "acd", (D,)), "the weights have 3 axes, and x 3"),
    "a wider bias": (
        _biased("ac", "cd", (B, 1, D)),
        "the columns of the product (3, 2, 5) are not apart from its rows",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NEAR)
def test_near_misses_are_left_alone(name: str) -> None:
    before, reason = NEAR[name]
    after, events = RAISE_PRODUCTS(before)
    assert after is before and [event.reason for event in events] == [reason]


def test_a_product_that_is_used_elsewhere_has_no_bias_taken_in() -> None:
    def form(x: Any, w: Any, bias: Any) -> Any:
        product = x @ w
        return (product + bias) * product

    before = written(form, spec(A, C), spec(C, D), spec(D))
    after, events = RAISE_PRODUCTS(before)
    reason = "the result of linalg.matmul is used elsewhere too"
    assert after is before and [event.reason for event in events] == [reason]


def test_a_second_bias_is_left_alone() -> None:
    before = written(lambda x, w, b: x.op("nn.dense", w, b) + b, spec(A, C), spec(C, D), spec(D))
    assert RAISE_PRODUCTS(before) == (before, ())


def test_a_matrix_product_alone_stays_one() -> None:
    before = written(lambda x, w: x @ w, spec(A, C), spec(C, D))
    assert RAISE_PRODUCTS(before) == (before, ())


def test_it_declares_what_it_does() -> None:
    assert (RAISE_PRODUCTS.name, RAISE_PRODUCTS.numerics) == ("raise_products", "reassociate")
    assert RAISE_PRODUCTS.modes == ("train", "infer")
