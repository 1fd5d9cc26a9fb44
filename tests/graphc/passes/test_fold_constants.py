"""`fold_constants`: before and expected as code, equal bits, near misses with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.passes.fold_constants import FOLD_CONSTANTS, MAX_BYTES
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

ROWS = np.array([[1.5, -2.0, 0.0], [4.0, 9.0, -0.0]], "float32")
Make = Callable[[Builder], Value]


def _with_input(make: Make) -> Graph:
    """Return `x` plus what is made, so that the graph has something to compute."""
    b = Builder()
    x = b.input(spec(2, 3), "x")
    return b.finish([b.emit("math.add", x, make(b))])


def _causal(b: Builder) -> Value:
    rows = b.emit("shape.arange", start=0, stop=3, step=1, dtype="int32")
    column = b.emit("shape.expand_dims", rows, axis=1)
    return b.emit("shape.getitem", b.emit("math.greater_equal", column, rows), index=(0,))


# What is written, and the array that is left of it.
FOLDED: dict[str, tuple[Make, np.ndarray]] = {
    "arithmetic": (lambda b: b.emit("math.divide", ROWS, 4.0), ROWS / 4),
    "two arrays": (lambda b: b.emit("math.maximum", ROWS, -ROWS), np.abs(ROWS)),
    "a chain": (lambda b: b.emit("math.sqrt", b.emit("math.square", ROWS)), np.abs(ROWS)),
    "a cast": (lambda b: b.emit("core.cast", ROWS, dtype="float16"), ROWS.astype("float16")),
    "one of several results": (
        lambda b: b.emit("shape.split", np.tile(ROWS, 2), sections=2, axis=1)[1], ROWS,
    ),
    "a causal mask": (_causal, np.array([True, False, False])),
    "a filled array": (
        lambda b: b.emit("math.negative", b.emit("shape.full", shape=(3,), value=2.0,
                                                 dtype="float32")),
        np.full(3, -2.0, "float32"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDED)
def test_the_graph_is_as_expected(name: str) -> None:
    make, array = FOLDED[name]
    after, events = FOLD_CONSTANTS(_with_input(make))
    assert_same_structure(after, _with_input(lambda b: b.constant(array)))
    assert events and {event.reason for event in events} == {None}
    assert FOLD_CONSTANTS(after)[0] is after


@pytest.mark.parametrize("name", FOLDED)
def test_the_bits_are_the_same(name: str) -> None:
    graph = _with_input(FOLDED[name][0])
    after, _ = FOLD_CONSTANTS(graph)
    arguments = numbers(graph)
    (one,), (other,) = run(after, arguments)[0], run(graph, arguments)[0]
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(one.view(np.int32), other.view(np.int32))


def test_it_computes_while_jax_traces_something_else() -> None:
    graph = _with_input(FOLDED["arithmetic"][0])

    def traced(x: Any) -> Any:
        after, _ = FOLD_CONSTANTS(graph)
        assert ops_of(after) == ["math.add"]
        return x

    assert jax.jit(traced)(1.0) == 1.0


def test_the_same_graph_folds_to_the_same_graph() -> None:
    once, again = (FOLD_CONSTANTS(_with_input(FOLDED["a chain"][0]))[0] for _ in range(2))
    assert_same_structure(once, again)


DECLINED: dict[str, tuple[Make, str]] = {
    "rounded by the device": (
        lambda b: b.emit("math.sin", ROWS), "the results of math.sin depend on the device",
    ),
    "too large": (
        lambda b: b.emit("shape.tile", ROWS, repeats=(MAX_BYTES // 8, 1, 1)),
        f"the result is larger than {MAX_BYTES} bytes",
    ),
    "of a dtype that gives way": (
        lambda b: b.emit("math.multiply", np.array([1, 2, 3]), 0.5),
        "the dtype of the result gives way to others",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLINED)
def test_near_misses_are_left_alone(name: str) -> None:
    make, reason = DECLINED[name]
    graph = _with_input(make)
    after, (event,) = FOLD_CONSTANTS(graph)
    assert after is graph and event.reason == reason


OTHER: dict[str, Make] = {
    "created from attributes": lambda b: b.emit("shape.full", shape=(3,), value=1.0,
                                                dtype="float32"),
    "python numbers": lambda b: b.emit("math.multiply", 2.0, 3.0),
    "a parameter": lambda b: b.emit("math.multiply", b.param(spec(3)), ROWS),
    "too large a creation": lambda b: b.emit("reduce.max", b.emit(
        "shape.full", shape=(MAX_BYTES,), value=1.0, dtype="float32")),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_what_is_not_made_of_constants_is_left_alone(name: str) -> None:
    graph = _with_input(OTHER[name])
    assert FOLD_CONSTANTS(graph) == (graph, ())


def test_it_declares_what_it_does() -> None:
    assert FOLD_CONSTANTS.name == "fold_constants"
    assert FOLD_CONSTANTS.numerics == "exact"
    assert FOLD_CONSTANTS.modes == ("train", "infer")
