"""Casts meet across what only moves elements: those that undo each other vanish, equal ones merge.

    cast(move(cast(x, wider)), dtype) = move(cast(x, dtype))        move: reshape, transpose, slice
    cast(reshape(x), dtype), cast(x, dtype) = reshape(y), y         y = cast(x, dtype)

Exact: no number is rounded anywhere else than before. Where several users of a floating tensor
would have their gradients added up in another dtype, the casts stay.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial

from graphc.builder import Builder
from graphc.ir import Graph, Node, Value
from graphc.match import count_uses
from graphc.passes.base import Mode, Numerics
from graphc.passes.simplify import RESHAPES, TRANSPOSES, is_float, reason_against_joining
from graphc.rewrite import Event, Replacement, replay

MOVES = (*RESHAPES, *TRANSPOSES, "shape.getitem", "shape.slice", "shape.flip")


@dataclass(frozen=True)
class Moved:
    """A cast, and the moves between it and what it should be applied to (the last one first)."""

    cast: Node
    moves: tuple[Node, ...]
    source: Value


@dataclass(frozen=True)
class MergeCasts:
    """The pass: every cast that another one waits for behind some moves."""

    name: str = "merge_casts"
    numerics: Numerics = "exact"
    modes: tuple[Mode, ...] = ("train", "infer")

    def __call__(self, graph: Graph) -> tuple[Graph, tuple[Event, ...]]:
        """Return the graph in which casts stand beside each other, and what happened."""
        uses = count_uses(graph)
        cast_to = {(n.inputs[0], n.specs[0].dtype) for n in graph.nodes if n.op == "core.cast"}
        events: list[Event] = []
        found: dict[Node, Replacement] = {}
        for node in graph.nodes:
            if node.op != "core.cast":
                continue
            moved = _of_cast(node) or _of_copy(node, cast_to)
            if moved is None:
                continue
            reason = _reason_against(moved, uses)
            events.append(Event(self.name, node.scope, node.op, reason))
            if reason is None:
                found[node] = partial(_emit, moved)
        return (replay(graph, found) if found else graph), tuple(events)


def _of_cast(cast: Node) -> Moved | None:
    """Return the way to the cast that a moved tensor comes from."""
    moves, value = _moves(cast, MOVES)
    if not moves or value.node.op != "core.cast" or value.node.inputs[0] is None:
        return None
    return Moved(cast, tuple(moves), value.node.inputs[0])


def _of_copy(cast: Node, cast_to: set[tuple[Value | None, str]]) -> Moved | None:
    """Return the way to a tensor that has an equal cast already."""
    moves, _ = _moves(cast, RESHAPES)
    for end, move in enumerate(moves, 1):
        source = move.inputs[0]
        if source is not None and (source, cast.specs[0].dtype) in cast_to:
            return Moved(cast, tuple(moves[:end]), source)
    return None


def _moves(cast: Node, ops: tuple[str, ...]) -> tuple[list[Node], Value]:
    """Return the moves before a cast, the last one first, and what they begin with."""
    moves: list[Node] = []
    (value,) = cast.inputs
    assert value is not None
    while value.node.op in ops and len(value.node.inputs) == 1:
        moves.append(value.node)
        (value,) = value.node.inputs
        assert value is not None
    return moves, value


def _reason_against(moved: Moved, uses: Counter[Value]) -> str | None:
    source, target = moved.source, moved.cast.specs[0].dtype
    passed = [Value(move) for move in moved.moves]
    start = moved.moves[-1].inputs[0]
    if source.node.literal is not None:
        return "a number without a dtype of its own is cast"
    if start is source:
        shared = is_float(source.spec.dtype)
        return "gradients would be added up in another dtype" if shared else None
    assert start is not None
    reason = reason_against_joining(source.spec.dtype, start.spec.dtype, target)
    if reason is not None:
        return reason
    if is_float(source.spec.dtype) and any(uses[value] > 1 for value in (start, *passed)):
        return "gradients would be added up in another dtype"
    return None


def _emit(moved: Moved, builder: Builder, new: dict[Value, Value]) -> tuple[Value, ...]:
    value, dtype = new[moved.source], moved.cast.specs[0].dtype
    if value.spec.dtype != dtype:
        value = builder.emit("core.cast", value, dtype=dtype)
    for move in reversed(moved.moves):
        value = builder.emit(move.op, value, **move.attrs)
    return (value,)


MERGE_CASTS = MergeCasts()
