"""Rolled blocks as they were, one after another under their own names: for whoever wants layers.

Numbers and names are those of the graph before `roll_blocks`; the order of nodes may differ.
"""

from __future__ import annotations

from functools import partial

from graphc.builder import Builder
from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.passes.roll_blocks import RolledBody
from graphc.rewrite import remake, replay


def unrolled(graph: Graph) -> Graph:
    """Return the graph with every rolled loop written out; the same object where there is none."""
    loops = [node for node in graph.nodes if isinstance(node.attrs.get("body"), RolledBody)]
    return replay(graph, {node: partial(_write_out, node) for node in loops}) if loops else graph


def _write_out(node: Node, builder: Builder, new: dict[Value, Value]) -> tuple[Value, ...]:
    body: RolledBody = node.attrs["body"]
    carries, stop = node.attrs["carries"], node.attrs["carries"] + node.attrs["sequences"]
    operands = [value for value in node.inputs if value is not None]
    carried = [new[value] for value in operands[:carries]]
    captured = [new[value] for value in operands[stop:]]
    given: list[tuple[Value, ...]] = []
    for turn in range(len(body.layers)):
        slices = [_slice(builder, value, turn, new) for value in operands[carries:stop]]
        results = _block(builder, body, turn, [*carried, *slices, *captured])
        carried = list(results[:carries])
        given.append(results[carries:])
    stacks = [builder.emit("shape.stack", *parts, axis=0) for parts in zip(*given, strict=True)]
    return (*carried, *stacks)


def _slice(builder: Builder, stack: Value, turn: int, new: dict[Value, Value]) -> Value:
    """Return what a turn takes of a stack: what was put there, if that can be seen."""
    if stack.node.op == "shape.stack":
        part = stack.node.inputs[turn]
        assert part is not None
        return new[part]
    return builder.emit("shape.getitem", new[stack], index=(turn,))


def _block(
    builder: Builder, body: RolledBody, turn: int, operands: list[Value]
) -> tuple[Value, ...]:
    return _inlined(builder, body.graph, body.layers[turn], operands)


def _inlined(
    builder: Builder, graph: Graph, names: dict[str, tuple[str, str]], operands: list[Value]
) -> tuple[Value, ...]:
    new = dict(zip(graph.inputs, operands, strict=True))
    for node in graph.nodes:
        if node.op in INPUT_OPS:
            continue
        if node.op == "core.remat":  # has layers inside, which have names too
            inner = [new[value] for value in node.inputs if value is not None]
            made = _inlined(builder, node.attrs["body"].graph, names, inner)
        else:
            builder.scope, builder.source = names.get(node.scope, (node.scope, node.source))
            made = remake(builder, node, new)
        new.update({Value(node, index): value for index, value in enumerate(made)})
    return tuple(new[value] for value in graph.outputs)
