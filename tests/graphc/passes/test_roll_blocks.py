"""`roll_blocks`: what is found, equal numbers forward and backward, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

from graphc.builder import Builder
from graphc.ir import Graph, Value
from graphc.lower import lower, plan
from graphc.passes import ROLL_BLOCKS
from graphc.passes.repeats import find_blocks
from graphc.passes.roll_blocks import roll
from graphc.passes.unroll import unrolled
from graphc.spec import Target
from graphc.verify import verify
from tests.graphc.graphs import numbers, ops_of, spec

DEPTH, BATCH, WIDTH = 6, 4, 3
TOLERANCE = 2e-5
Block = Callable[[Builder, Value, int], Value]


def _dense(b: Builder, x: Value, number: int) -> Value:
    kernel, bias = b.param(spec(WIDTH, WIDTH), "kernel"), b.param(spec(WIDTH), "bias")
    return b.emit("nn.dense", x, kernel, bias)


def plain(b: Builder, x: Value, number: int) -> Value:
    """A residual block."""
    b.scope = f"block_{number}"
    y = _dense(b, b.emit("nn.layer_norm", x, b.param(spec(WIDTH)), None, axis=-1), number)
    y = _dense(b, b.emit("math.tanh", y), number)
    return b.emit("math.add", x, b.emit("math.multiply", y, 0.5))


def with_memory(b: Builder, x: Value, number: int, memory: list[Value]) -> Value:
    """A block that also reads what the very first one was given: carried and shared at once."""
    memory.append(x)
    y = _dense(b, b.emit("math.multiply", x, memory[0]), number)
    y = b.emit("math.sin", _dense(b, y, number))
    return b.emit("math.add", x, y)


def stack_of(block: Block, depth: int = DEPTH, finish: bool = True) -> tuple[Builder, Value]:
    b = Builder()
    x = b.emit("math.multiply", b.input(spec(BATCH, WIDTH), "x"), b.param(spec(WIDTH), "scale"))
    for number in range(depth):
        x = block(b, x, number)
    return b, x


def graph_of(block: Block, depth: int = DEPTH) -> Graph:
    b, x = stack_of(block, depth)
    return b.finish([b.emit("reduce.sum", x)])


def loss_and_gradients(graph: Graph, arguments: Any) -> Any:
    params, state, inputs = arguments
    run = lower(graph, plan(graph, Target("cpu")))

    def loss(params: Any) -> Any:
        outputs, updates = run(params, state, inputs)
        return outputs[0], (outputs, updates)

    gradients, results = jax.jit(jax.grad(loss, has_aux=True))(params)
    return results, gradients


def assert_same_numbers(graph: Graph, other: Graph) -> None:
    arguments = numbers(graph, 0, -0.7, 0.7)
    ours = jax.tree.leaves(loss_and_gradients(graph, arguments))
    theirs = jax.tree.leaves(loss_and_gradients(other, arguments))
    for mine, other_one in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other_one, rtol=TOLERANCE, atol=TOLERANCE)


def rolled(graph: Graph, depth: int = DEPTH) -> Graph:
    found = find_blocks(graph)
    assert found is not None
    assert len(found.blocks) == depth
    return verify(roll(graph, found))


def test_residual_blocks_become_one_loop() -> None:
    graph = graph_of(plain)
    after = rolled(graph)
    assert sum(node.op == "core.scan" for node in after.nodes) == 1
    assert ops_of(after).count("nn.dense") == 0
    assert_same_numbers(graph, after)


def test_what_is_carried_and_shared_is_told_apart() -> None:
    memory: list[Value] = []
    graph = graph_of(lambda b, x, number: with_memory(b, x, number, memory))
    found = find_blocks(graph)
    assert found is not None
    # The first block reads its own input twice over: the loop may begin at it or after it.
    assert len(found.blocks) >= DEPTH - 1
    assert_same_numbers(graph, verify(roll(graph, found)))


def test_state_of_every_block_keeps_its_own_update() -> None:
    b = Builder()
    x = b.emit("math.multiply", b.input(spec(BATCH, WIDTH), "x"), b.param(spec(WIDTH), "scale"))
    updates: list[Value] = []
    for number in range(DEPTH):
        x = plain(b, x, number)
        gamma, beta = b.param(spec(WIDTH), "gamma"), b.param(spec(WIDTH), "beta")
        moving = b.state(spec(WIDTH), "moving_mean")
        x, mean, _ = b.emit("nn.batch_norm_train", x, gamma, beta, axis=-1, epsilon=1e-3)
        updates.append(b.emit("math.add", b.emit("math.multiply", moving, 0.9), mean))
    graph = b.finish([b.emit("reduce.sum", b.emit("math.sin", x))], updates)
    after = rolled(graph)
    assert len(after.updates) == DEPTH
    assert_same_numbers(graph, after)


def test_what_others_take_out_of_blocks_is_handed_out() -> None:
    b = Builder()
    x = b.emit("math.multiply", b.input(spec(BATCH, WIDTH), "x"), b.param(spec(WIDTH), "scale"))
    taps: list[Value] = []
    for number in range(DEPTH):
        x = plain(b, x, number)
        taps.append(x)
    total = taps[0]
    for tap in reversed(taps[1:]):
        total = b.emit("math.multiply", total, b.emit("math.cos", tap))
    graph = b.finish([b.emit("reduce.sum", total)])
    found = find_blocks(graph)
    assert found is not None
    assert_same_numbers(graph, verify(roll(graph, found)))


def test_a_value_that_no_weight_touches_is_computed_before_all_blocks() -> None:
    b = Builder()
    given = b.input(spec(BATCH, WIDTH), "x")
    x = b.emit("math.multiply", given, b.param(spec(WIDTH), "scale"))
    for number in range(DEPTH):
        # Traced in the first block, found again (value numbering) by the others.
        mask = b.emit("math.greater", b.emit("math.abs", given), 0.1)
        x = plain(b, b.emit("math.where", mask, x, 0.0), number)
    graph = b.finish([b.emit("reduce.sum", x)])
    assert_same_numbers(graph, rolled(graph))


def test_written_out_again_it_has_its_names_back() -> None:
    graph = graph_of(plain)
    after = unrolled(rolled(graph))
    assert sorted(ops_of(after)) == sorted(ops_of(graph))
    assert [n.scope for n in after.nodes if n.op == "nn.layer_norm"] == [
        f"block_{number}" for number in range(DEPTH)
    ]
    assert_same_numbers(graph, after)
    assert unrolled(graph) is graph


def _wide(b: Builder, x: Value, number: int) -> Value:
    for _ in range(3):
        x = plain(b, x, number)
    return x


def test_the_pass_takes_deep_models_and_says_so() -> None:
    # Intensity needs rows: each stacked byte must be used for enough operations.
    b = Builder()
    x = b.emit("math.multiply", b.input(spec(512, WIDTH), "x"), b.param(spec(WIDTH), "scale"))
    for number in range(96):
        x = plain(b, x, number)
    graph = b.finish([b.emit("reduce.sum", x)])
    after, events = ROLL_BLOCKS(graph)
    assert [(event.rule, event.reason) for event in events] == [("96_blocks_to_one", None)]
    assert len(after.nodes) < len(graph.nodes) / 2
    assert ROLL_BLOCKS(after)[0] is after


def _convolving(b: Builder, x: Value, number: int) -> Value:
    for _ in range(3):
        kernel = b.param(spec(3, 3, 2, 2), "kernel")
        x = b.emit("nn.conv", x, kernel, b.param(spec(2), "bias"), padding="same")
        x = b.emit("math.add", b.emit("nn.relu", x), 0.1)
    return x


NEAR_MISSES: dict[str, tuple[Block, tuple[int, ...], int, str]] = {
    "few": (plain, (BATCH, WIDTH), DEPTH, "only 30 nodes would be saved"),
    "convolutions": (_convolving, (2, 8, 8, 2), 60, "nn.conv has no fast gradient inside a loop"),
    "little work": (plain, (1, WIDTH), 100, "bytes shows beside"),
}


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_misses_say_why(name: str) -> None:
    block, shape, depth, reason = NEAR_MISSES[name]
    b = Builder()
    x = b.emit("math.multiply", b.input(spec(*shape), "x"), b.param(spec(shape[-1]), "scale"))
    for number in range(depth):
        x = block(b, x, number)
    graph = b.finish([b.emit("reduce.sum", x)])
    after, events = ROLL_BLOCKS(graph)
    assert after is graph
    assert len(events) == 1
    assert reason in str(events[0].reason)


def test_blocks_that_differ_in_an_attribute_are_not_one() -> None:
    def growing(b: Builder, x: Value, number: int) -> Value:
        y = b.emit("nn.layer_norm", x, None, None, axis=-1, epsilon=10.0 ** -(number + 1))
        return b.emit("math.tanh", _dense(b, b.emit("math.sin", b.emit("math.cos", y)), number))

    assert find_blocks(graph_of(growing)) is None
