"""`place_remat`: less memory for the same numbers, a plan that is told, what is left alone."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.cost.kept import kept_bytes
from graphc.ir import Graph, Value
from graphc.lower import lower, plan
from graphc.passes.place_remat import PlaceRemat, size
from graphc.passes.repeats import find_blocks
from graphc.passes.roll_blocks import roll
from graphc.passes.unroll import unrolled
from graphc.spec import Target
from graphc.verify import verify
from tests.graphc.graphs import numbers, spec

ROWS, WIDTH, DEPTH = 2048, 64, 12
TOLERANCE = 1e-5


def _block(b: Builder, x: Value, number: int) -> Value:
    b.scope = f"block_{number}"
    kernel, bias = b.param(spec(WIDTH, WIDTH), "kernel"), b.param(spec(WIDTH), "bias")
    y = b.emit("math.sin", b.emit("nn.dense", x, kernel, bias))
    return b.emit("math.multiply", b.emit("math.tanh", y), b.emit("math.add", x, 0.5))


def deep() -> Graph:
    b = Builder()
    x = b.input(spec(ROWS, WIDTH), "x")
    for number in range(DEPTH):
        x = _block(b, x, number)
    return b.finish([b.emit("reduce.mean", x)])


def with_skips() -> Graph:
    """What the first half makes the second half uses, in reverse: no cut has one value crossing."""
    b = Builder()
    x = b.input(spec(ROWS, WIDTH), "x")
    kept: list[Value] = []
    for number in range(DEPTH // 2):
        x = _block(b, x, number)
        kept.append(x)
    for number in range(DEPTH // 2, DEPTH):
        x = _block(b, b.emit("math.add", x, kept.pop()), number)
    seed = b.state(spec(2, dtype="uint32"), "seed")
    x = b.emit("nn.dropout", x, seed, 0.25)
    return b.finish([b.emit("reduce.mean", x)], [seed])


GRAPHS = {"deep": deep, "with skips": with_skips}


def _compiled(graph: Graph, arguments: Any) -> Any:
    _, state, inputs = arguments
    run = lower(graph, plan(graph, Target("cpu")))
    function = jax.jit(jax.value_and_grad(lambda params: run(params, state, inputs)[0][0]))
    return function.lower(arguments[0]).compile()


@pytest.mark.parametrize("name", GRAPHS)
def test_the_same_gradients_take_less_memory(name: str) -> None:
    graph = GRAPHS[name]()
    arguments = numbers(graph, 0, -0.3, 0.3)
    after, events = PlaceRemat(budget=12_000_000, held=0)(graph)
    verify(after)
    assert any(event.reason is None for event in events)
    before, now = _compiled(graph, arguments), _compiled(after, arguments)
    for old, new in zip(
        jax.tree.leaves(before(arguments[0])), jax.tree.leaves(now(arguments[0])), strict=True
    ):
        np.testing.assert_allclose(new, old, rtol=TOLERANCE, atol=TOLERANCE)
    memory = [one.memory_analysis().temp_size_in_bytes for one in (before, now)]
    assert memory[1] < 0.75 * memory[0]


def test_a_smaller_budget_computes_more_twice() -> None:
    graph = deep()
    counts = [
        sum(n.op == "core.remat" for n in PlaceRemat(budget, 0)(graph)[0].nodes)
        for budget in (60_000_000, 40_000_000, 30_000_000)
    ]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_what_fits_is_left_alone_and_says_so() -> None:
    graph = deep()
    after, events = PlaceRemat(budget=10**9, held=1000)(graph)
    assert after is graph
    assert "the budget is 1 GB" in str(events[0].reason)


def test_a_budget_that_cannot_be_met_is_told() -> None:
    after, events = PlaceRemat(budget=1000, held=0)(deep())
    assert any(node.op == "core.remat" for node in after.nodes)
    assert all("the budget of 1 KB is missed" in event.rule for event in events)


def test_a_model_that_says_itself_what_to_compute_twice_is_left_alone() -> None:
    graph, _ = PlaceRemat(budget=14_000_000, held=0)(deep())
    assert PlaceRemat(budget=1000, held=0)(graph)[0] is graph


def test_rolled_blocks_are_computed_again_turn_by_turn() -> None:
    traced = deep()
    found = find_blocks(traced)
    assert found is not None
    graph = roll(traced, found)
    arguments = numbers(graph, 0, -0.3, 0.3)
    after, _ = PlaceRemat(budget=12_000_000, held=0)(graph)
    verify(after)
    before, now = _compiled(graph, arguments), _compiled(after, arguments)
    for old, new in zip(
        jax.tree.leaves(before(arguments[0])), jax.tree.leaves(now(arguments[0])), strict=True
    ):
        np.testing.assert_allclose(new, old, rtol=TOLERANCE, atol=TOLERANCE)
    memory = [one.memory_analysis().temp_size_in_bytes for one in (before, now)]
    assert memory[1] < 0.75 * memory[0]
    names = {node.scope for node in unrolled(after).nodes if node.op == "nn.dense"}
    assert names >= {f"block_{number}" for number in range(1, DEPTH)}


def test_linear_ops_and_other_looks_keep_nothing() -> None:
    b = Builder()
    x = b.emit("math.sin", b.emit("math.multiply", b.input(spec(8, 4)), b.param(spec(4))))
    y = b.emit("math.add", b.emit("shape.reshape", x, newshape=(4, 8)), 1.0)
    graph = b.finish([b.emit("reduce.sum", y)])
    kept = kept_bytes([node for node in graph.nodes if node.op.startswith(("math", "shape"))])
    assert kept == 8 * 4 * 4  # what the sine was taken of


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1 KB"), (4_000_000_000, "4 GB")]
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert size(count) == text
