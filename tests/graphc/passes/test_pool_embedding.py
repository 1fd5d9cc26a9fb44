"""`pool_embedding`: before and expected as code, equal numbers, near misses with reasons."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc import keras
from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.kernels.registry import TIERS, Target
from graphc.lower import lower, plan
from graphc.passes.pool_embedding import POOL_EMBEDDING
from tests.graphc.graphs import assert_same_structure, ops_of, spec

BAGS, LENGTH, WORDS, WIDTH = 40, 19, 30, 4
# Nineteen terms in another order: a few of the 2**-24 of float32.
TOLERANCE = 2e-6
KINDS = ("mean", "sum", "masked")


def _operands(b: Builder) -> tuple[Value, Value, Value]:
    table = b.param(spec(WORDS, WIDTH), "table")
    ids = b.input(spec(BAGS, LENGTH, dtype="int32"), "ids")
    return table, ids, b.input(spec(BAGS, LENGTH, dtype="bool"), "mask")


def _masked(b: Builder, rows: Value, mask: Value) -> tuple[Value, Value]:
    """Return the sum of the rows that are not masked, and how many they are, as Keras does."""
    column = b.emit("shape.expand_dims", mask, axis=2)
    kept = b.emit("math.where", column, rows, 0)
    count = b.emit("reduce.sum", b.emit("core.cast", column, dtype="float32"), axis=(1,))
    return b.emit("reduce.sum", kept, axis=(1,)), count


def before(kind: str) -> Graph:
    b = Builder()
    table, ids, mask = _operands(b)
    rows = b.emit("nn.embedding", ids, table)
    if kind == "masked":
        total, count = _masked(b, rows, mask)
        return b.finish([b.emit("math.divide", total, count)])
    return b.finish([b.emit(f"reduce.{kind}", rows, axis=1, keepdims=False)])


def expected(kind: str) -> Graph:
    b = Builder()
    table, ids, mask = _operands(b)
    if kind != "masked":
        return b.finish([b.emit("nn.embedding_bag", ids, table, None, combiner=kind)])
    column = b.emit("shape.expand_dims", mask, axis=2)
    count = b.emit("reduce.sum", b.emit("core.cast", column, dtype="float32"), axis=(1,))
    total = b.emit("nn.embedding_bag", ids, table, mask, combiner="sum")
    return b.finish([b.emit("math.divide", total, count)])


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_as_expected(kind: str) -> None:
    after, events = POOL_EMBEDDING(before(kind))
    assert sorted(ops_of(after)) == sorted(ops_of(expected(kind)))
    (bag,) = [node for node in after.nodes if node.op == "nn.embedding_bag"]
    (wanted,) = [node for node in expected(kind).nodes if node.op == "nn.embedding_bag"]
    assert bag.attrs == wanted.attrs
    assert [event.reason for event in events] == [None]
    if kind != "masked":  # whose count may stand before or after the bag
        assert_same_structure(after, expected(kind))


def _arguments(low: int, high: int) -> Any:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(WORDS, WIDTH)).astype("float32")
    ids = rng.integers(low, high, (BAGS, LENGTH)).astype("int32")
    mask = rng.random((BAGS, LENGTH)) < 0.7
    mask[:, 0] = True
    return (table,), (), (ids, mask)


def _both(graph: Graph, arguments: Any, tiers: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the result and the gradient of the table along a cotangent that differs everywhere."""
    run = lower(graph, plan(graph, Target("cpu", tiers)))
    params, state, inputs = arguments
    result, pull = jax.vjp(lambda p: run(p, state, inputs)[0][0], params)
    cotangent = np.cos(np.arange(result.size, dtype="float32")).reshape(result.shape)
    return np.asarray(result), np.asarray(pull(cotangent)[0][0])


@pytest.mark.parametrize("tiers", [("reference",), TIERS], ids=["reference", "fused"])
@pytest.mark.parametrize("ids", [(0, WORDS), (-WORDS, WORDS), (-WORDS - 2, WORDS + 2)], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_are_the_same(kind: str, ids: tuple[int, int], tiers: tuple[str, ...]) -> None:
    """Ids in the table, counted from its end, and some out of range, which give NaN."""
    graph, arguments = before(kind), _arguments(*ids)
    ours = _both(POOL_EMBEDDING(graph)[0], arguments, tiers)
    for one, other in zip(ours, _both(graph, arguments, ("reference",)), strict=True):
        scale = float(np.nanmax(np.abs(other)))
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE * scale)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_a_keras_model_of_averaged_words_has_a_bag(mask_zero: bool) -> None:
    model = keras.Sequential(
        [
            keras.Input((LENGTH,)),
            keras.layers.Embedding(WORDS, WIDTH, mask_zero=mask_zero),
            keras.layers.GlobalAveragePooling1D(),
            keras.layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    _, _, (ids, _) = _arguments(0, WORDS)
    model.fit(ids, np.zeros((BAGS, 1)), batch_size=BAGS, verbose=0)
    ops = ops_of(model.explain("train").after)
    assert "nn.embedding_bag" in ops and "nn.embedding" not in ops


def _declined(graph: Graph) -> str | None:
    after, (event,) = POOL_EMBEDDING(graph)
    assert after is graph
    return event.reason


@pytest.mark.parametrize("axis", [None, 0, 2, -1, (0, 1)], ids=str)
def test_a_reduction_over_something_else_is_left_alone(axis: Any) -> None:
    b = Builder()
    table, ids, _ = _operands(b)
    rows = b.emit("nn.embedding", ids, table)
    reason = f"the reduction is over axis {axis}, not over the positions of the ids"
    assert _declined(b.finish([b.emit("reduce.sum", rows, axis=axis)])) == reason


def test_an_axis_that_is_kept_is_left_alone() -> None:
    b = Builder()
    table, ids, _ = _operands(b)
    mean = b.emit("reduce.mean", b.emit("nn.embedding", ids, table), axis=-2, keepdims=True)
    assert _declined(b.finish([mean])) == "the axis of the positions is kept"


def test_rows_that_are_used_elsewhere_are_left_alone() -> None:
    b = Builder()
    table, ids, _ = _operands(b)
    rows = b.emit("nn.embedding", ids, table)
    graph = b.finish([b.emit("reduce.mean", rows, axis=1), b.emit("nn.relu", rows)])
    assert _declined(graph) == "the result of nn.embedding is used elsewhere too"


def test_a_table_of_whole_numbers_is_left_alone() -> None:
    b = Builder()
    ids, table = b.input(spec(4, 5, dtype="int32")), b.input(spec(9, 3, dtype="int32"))
    total = b.emit("reduce.sum", b.emit("nn.embedding", ids, table), axis=1)
    assert _declined(b.finish([total])) == "the table is not floating"


def test_a_mask_of_single_elements_is_left_alone() -> None:
    b = Builder()
    table, ids, _ = _operands(b)
    mask = b.input(spec(BAGS, LENGTH, WIDTH, dtype="bool"))
    kept = b.emit("math.where", mask, b.emit("nn.embedding", ids, table), 0)
    graph = b.finish([b.emit("reduce.sum", kept, axis=1)])
    assert _declined(graph) == "the condition is not one of whole rows"


@pytest.mark.parametrize("other", [1.0, -1])
def test_rows_replaced_by_something_else_are_another_pattern(other: float) -> None:
    b = Builder()
    table, ids, mask = _operands(b)
    column = b.emit("shape.expand_dims", mask, axis=2)
    kept = b.emit("math.where", column, b.emit("nn.embedding", ids, table), other)
    graph = b.finish([b.emit("reduce.sum", kept, axis=1)])
    assert POOL_EMBEDDING(graph) == (graph, ())


def test_it_declares_what_it_does() -> None:
    assert POOL_EMBEDDING.name == "pool_embedding"
    assert POOL_EMBEDDING.numerics == "reassociate"
    assert POOL_EMBEDDING.modes == ("train", "infer")
