"""`merge_casts`: before and expected as code, equal bits, near misses with reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import Target
from graphc.lower import lower, plan
from graphc.passes.merge_casts import MERGE_CASTS
from tests.graphc.graphs import assert_same_structure, numbers, ops_of, run, spec

SHAPE = (4, 6)
REST = ("slice", None, None, None)
MOVES: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "reshape": (("shape.reshape", {"newshape": (2, 12)}),),
    "transpose": (("shape.transpose", {"axes": (1, 0)}),),
    "slice": (("shape.slice", {"start_indices": (1, 2), "shape": (2, 3)}),),
    "getitem": (("shape.getitem", {"index": (REST, ("slice", 0, 3, None))}),),
    "several": (
        ("shape.expand_dims", {"axis": 1}), ("shape.swapaxes", {"axis1": 0, "axis2": 2}),
        ("shape.flip", {"axis": 0}), ("shape.squeeze", {"axis": 1}), ("shape.ravel", {}),
    ),
}  # fmt: skip
SHARED = "gradients would be added up in another dtype"


def _cast(b: Builder, x: Value, dtype: str) -> Value:
    return b.emit("core.cast", x, dtype=dtype)


def _moved(b: Builder, x: Value, moves: str) -> Value:
    for op, attrs in MOVES[moves]:
        x = b.emit(op, x, **attrs)
    return x


def before(moves: str, source: str, middle: str, target: str) -> Graph:
    b = Builder()
    x = b.param(spec(*SHAPE, dtype=source))
    return b.finish([_cast(b, _moved(b, _cast(b, x, middle), moves), target)])


def expected(moves: str, source: str, target: str) -> Graph:
    b = Builder()
    x = b.param(spec(*SHAPE, dtype=source))
    return b.finish([_moved(b, x if source == target else _cast(b, x, target), moves)])


DTYPES = [
    ("float16", "float32", "float16"), ("bfloat16", "float32", "float16"),
    ("int8", "int32", "float16"), ("bool", "float32", "bool"),
]  # fmt: skip


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@pytest.mark.parametrize("moves", MOVES)
def test_the_graph_is_as_expected(moves: str, dtypes: tuple[str, str, str]) -> None:
    after, events = MERGE_CASTS(before(moves, *dtypes))
    assert_same_structure(after, expected(moves, dtypes[0], dtypes[2]))
    assert [event.reason for event in events] == [None]
    assert MERGE_CASTS(after)[0] is after


def _bits(array: Any) -> np.ndarray:
    return np.asarray(array).view(np.uint8)


@pytest.mark.parametrize("dtypes", DTYPES, ids="-".join)
@pytest.mark.parametrize("moves", MOVES)
def test_the_bits_are_the_same(moves: str, dtypes: tuple[str, str, str]) -> None:
    graph = before(moves, *dtypes)
    after, _ = MERGE_CASTS(graph)
    arguments = numbers(graph)
    (one,), (other,) = run(after, arguments)[0], run(graph, arguments)[0]
    assert one.dtype == other.dtype
    np.testing.assert_array_equal(_bits(one), _bits(other))


@pytest.mark.parametrize("dtypes", DTYPES[:2], ids="-".join)
@pytest.mark.parametrize("moves", MOVES)
def test_the_bits_of_the_gradient_are_the_same(moves: str, dtypes: tuple[str, str, str]) -> None:
    graph = before(moves, *dtypes)
    params, _, _ = numbers(graph)

    def gradient(graph: Graph) -> Any:
        lowered = lower(graph, plan(graph, Target("cpu", ("reference",))))
        (result,), pull = jax.vjp(lambda p: lowered(p, (), ())[0], params)
        wave = (np.arange(1, result.size + 1).reshape(result.shape) / 7).astype(result.dtype)
        return pull((wave,))[0][0]

    np.testing.assert_array_equal(_bits(gradient(MERGE_CASTS(graph)[0])), _bits(gradient(graph)))


def test_a_mask_is_cast_once_for_its_copies_of_other_shapes() -> None:
    def graph(make: Callable[[Builder, Value, Value], Value]) -> Graph:
        b = Builder()
        mask = b.input(spec(*SHAPE, dtype="bool"))
        flat = _cast(b, mask, "float32")
        return b.finish([b.emit("math.exp", flat), make(b, mask, flat)])

    def column(b: Builder, mask: Value) -> Value:
        return b.emit("shape.expand_dims", mask, axis=2)

    after, events = MERGE_CASTS(graph(lambda b, mask, _: _cast(b, column(b, mask), "float32")))
    assert_same_structure(after, graph(lambda b, _, flat: column(b, flat)))
    assert [event.reason for event in events] == [None]


def _reasons(graph: Graph) -> list[str | None]:
    after, events = MERGE_CASTS(graph)
    assert after is graph
    return [event.reason for event in events]


def test_a_rounding_in_between_is_left_alone() -> None:
    graph = before("transpose", "float32", "float16", "float32")
    assert _reasons(graph) == ["float16 cannot hold every float32"]


@pytest.mark.parametrize("shared", ["cast", "move"])
def test_floats_that_others_use_are_left_alone(shared: str) -> None:
    b = Builder()
    wide = _cast(b, b.param(spec(*SHAPE, dtype="float16")), "float32")
    moved = _moved(b, wide, "transpose")
    used = b.emit("math.exp", wide if shared == "cast" else moved)
    assert _reasons(b.finish([_cast(b, moved, "float16"), used])) == [SHARED]


def test_equal_casts_of_floats_are_left_alone() -> None:
    b = Builder()
    x = b.param(spec(*SHAPE, dtype="float16"))
    flat = _cast(b, _moved(b, x, "reshape"), "float32")
    assert _reasons(b.finish([_cast(b, x, "float32"), flat])) == [SHARED]


def test_what_computes_in_between_is_another_pattern() -> None:
    b = Builder()
    wide = _cast(b, b.param(spec(*SHAPE, dtype="float16")), "float32")
    lookup = b.emit("shape.getitem", wide, b.input(spec(2, dtype="int32")), index=(("array", 0),))
    graph = b.finish([_cast(b, b.emit("math.exp", wide), "float16"), _cast(b, lookup, "float16")])
    assert MERGE_CASTS(graph) == (graph, ())
    assert ops_of(graph).count("shape.getitem") == 1


def test_it_declares_what_it_does() -> None:
    assert MERGE_CASTS.name == "merge_casts"
    assert MERGE_CASTS.numerics == "exact"
    assert MERGE_CASTS.modes == ("train", "infer")
