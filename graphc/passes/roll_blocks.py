"""Repeated blocks become one loop over stacked weights.

    x1 = f(x0, w0); x2 = f(x1, w1); ... xn = f(xn-1, wn-1)
    becomes   xn = scan(f, x0, stack(w0, w1, ..., wn-1))

Compile time no longer grows with depth. Parameters and state stay declared one by one: the stack
is made inside the step, so neither optimizer nor checkpoint can tell. Each turn computes what its
block did; numerics are reassociated all the same, for XLA rounds otherwise where it fuses across
blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from graphc.body import Body
from graphc.builder import Builder
from graphc.cost import Cost, node_cost
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.lower import default_target
from graphc.passes.base import Mode, Numerics
from graphc.passes.repeats import Blocks, Feed, Shared, ancestors_of, find_blocks
from graphc.rewrite import Event, remake, start_replay

# On the CPU a filter gradient in a while body falls to a naive loop, and a loop of its own inside
# the loop compiles no faster.
UNROLLED_ON_CPU = ("nn.conv", "nn.conv_transpose")
# Nodes less to compile, below which the loop saves too little: twelve blocks of a GPT compile in
# 4.2 s one after another, and in 7.2 s as a loop, whose steps take a fifth longer.
FEWEST_SAVED = 500
# Operations for each byte that is stacked: below it the copies show beside the arithmetic.
LEAST_INTENSITY = 64


class RolledBody(Body):
    """The body of rolled blocks, which knows their names.

    `layers` holds for every block the layer path and the line by the layer path of the first one.
    """

    def __init__(self, graph: Graph, layers: tuple[dict[str, tuple[str, str]], ...]) -> None:
        super().__init__(graph)
        self.layers = layers


@dataclass(frozen=True)
class RollBlocks:
    """The pass: the longest repetition first, until none pays."""

    name: str = "roll_blocks"
    numerics: Numerics = "reassociate"
    modes: tuple[Mode, ...] = ("train",)

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph with its repeated blocks as loops, and what was found."""
        events: list[Event] = []
        while (found := find_blocks(graph)) is not None:
            first, count = found.blocks[0][0], len(found.blocks)
            reason = reason_against(found)
            events.append(Event(f"{count}_blocks_to_one", first.scope, first.op, reason))
            if reason is not None:
                break
            graph = roll(graph, found)
        return graph, tuple(events)


def reason_against(found: Blocks) -> str | None:
    """Return why a loop over the blocks would not pay, or None."""
    first = found.blocks[0]
    saved = (len(found.blocks) - 1) * len(first)
    if saved < FEWEST_SAVED:
        return f"only {saved} nodes would be saved; a loop pays from {FEWEST_SAVED} on"
    inside = next((node.op for node in first if node.op in UNROLLED_ON_CPU), None)
    if inside is not None and default_target().platform == "cpu":
        return f"{inside} has no fast gradient inside a loop on the CPU"
    cost = sum((node_cost(node) for node in first), Cost()).flops * len(found.blocks)
    if cost < LEAST_INTENSITY * found.stacked:
        return f"stacking {found.stacked} bytes shows beside {cost} operations"
    return None


def roll(graph: Graph, found: Blocks) -> Graph:
    """Return the graph with the blocks as one loop."""
    inside = {node for block in found.blocks for node in block}
    early = ancestors_of(found.outside())
    builder, new = start_replay(graph)
    for node in graph.nodes:
        if node in early:
            _again(builder, node, new)
    _emit_loop(builder, found, new)
    for node in graph.nodes:
        if node not in early and node not in inside:
            _again(builder, node, new)
    return builder.finish([new[v] for v in graph.outputs], [new[v] for v in graph.updates])


def _again(builder: Builder, node: Node, new: dict[Value, Value]) -> None:
    if node.op in INPUT_OPS:
        return
    builder.scope, builder.source = node.scope, node.source
    made = remake(builder, node, new)
    new.update({Value(node, index): value for index, value in enumerate(made)})


def _emit_loop(builder: Builder, found: Blocks, new: dict[Value, Value]) -> None:
    """Emit the stacks, the loop, and the values of the blocks that others use."""
    first, last = found.blocks[0], found.blocks[-1]
    builder.scope, builder.source = first[0].scope, first[0].source
    carried = [new[feed.first] for feed in found.carried]
    stacks = [
        builder.emit("shape.stack", *(new[value] for value in feed.values), axis=0)
        for feed in found.varying
    ]
    captured = [new[feed.value] for feed in _captured(found)]
    results = builder.emit(
        "core.scan", *carried, *stacks, *captured, body=_body(found), carries=len(carried),
        sequences=len(stacks), length=len(found.blocks), reverse=False, unroll=1,
    )  # fmt: skip
    for feed, result in zip(found.carried, results[: len(carried)], strict=True):
        position, index = feed.place
        new[Value(last[position], index)] = result
    for (position, index), stack in zip(found.given, results[len(carried) :], strict=True):
        parts = cast("Sequence[Value]", builder.emit("shape.unstack", stack, axis=0))
        for block, part in zip(found.blocks, parts, strict=True):
            new.setdefault(Value(block[position], index), part)


def _captured(found: Blocks) -> list[Shared]:
    """Return what all blocks share and is not a constant, which each body has of its own."""
    return [feed for feed in found.shared if feed.value.node.op != "core.constant"]


def _body(found: Blocks) -> RolledBody:
    builder = Builder()
    fed: dict[Feed, Value] = {}
    for feed in found.carried:
        fed[feed] = builder.input(feed.first.spec, "carried")
    for feed in found.varying:
        one = feed.values[0]
        fed[feed] = builder.input(one.spec, one.node.attrs.get("name", "stacked"))
    for feed in _captured(found):
        fed[feed] = builder.input(feed.value.spec, "captured")
    for feed in found.shared:
        if feed not in fed:
            fed[feed] = builder.copy_constant(feed.value.node)
    made: dict[Value, Value] = {}
    for position, node in enumerate(found.blocks[0]):
        operands = [
            fed[found.feeds[position, slot]] if (position, slot) in found.feeds else v and made[v]
            for slot, v in enumerate(node.inputs)
        ]
        builder.scope, builder.source = node.scope, node.source
        result = builder.emit(node.op, *operands, **node.attrs)
        results = cast("tuple[Value, ...]", result) if isinstance(result, tuple) else (result,)
        made.update({Value(node, index): value for index, value in enumerate(results)})
    places = [feed.place for feed in found.carried] + list(found.given)
    return RolledBody(
        builder.finish([made[Value(found.blocks[0][p], index)] for p, index in places]),
        _names(found),
    )


def _names(found: Blocks) -> tuple[dict[str, tuple[str, str]], ...]:
    return tuple(
        {
            node.scope: (twin.scope, twin.source)
            for node, twin in zip(found.blocks[0], block, strict=True)
        }
        for block in found.blocks
    )


ROLL_BLOCKS = RollBlocks()
