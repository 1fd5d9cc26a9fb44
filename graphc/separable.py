"""Is a step separable by sample? If so the last partial batch can be padded and masked, exactly.

An abstract interpretation of the graph: each value is "free" (of the batch), "rows" (row i depends
on row i alone), "zeroed" (rows, and those of padding are exactly zero), `Placed` (as rows, with the
batch at another axis or merged with others) or "mixed". Which op does what is in the tables of
`graphc.kernels.batching`; an op without a rule mixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from graphc.ir import INPUT_OPS, ConstantArray, Graph, Node, Value
from graphc.kernels.batching import (
    BATCH_RULES,
    FREE,
    MIXED,
    PLACED_RULES,
    ROW,
    ROWS,
    SHAPED_BY_ATTRS,
    ZEROED,
    Placed,
    normal,
)

# With another length every row of theirs may be another one.
STRETCHED = ("shape.linspace", "shape.logspace", "shape.geomspace", "shape.pad")
FILLED = ("shape.full", "shape.full_like")

Kind = str | Placed
Kinds = dict[Value | None, Kind]


@dataclass(frozen=True)
class Batch:
    """What is known of the batch: its lengths, and whether a row may depend on its number."""

    lengths: frozenset[int]
    numbered: bool


def mixing_node(
    graph: Graph, batch: frozenset[Value], valid: Value | None, *, numbered: bool = True
) -> Node | None:
    """Return the first node that mixes samples in what the graph returns, or None.

    Args:
        graph: outputs and updates must not depend on padded rows, except as rows of their own.
        batch: the inputs whose axis 0 is the batch.
        valid: the float input [B] that is 1 for a real row and 0 for padding.
        numbered: whether a row may depend on its number in the batch, as one of `arange` or of a
            random draw does; False where rows are computed one by one.
    """
    lengths = frozenset(value.spec.shape[0] for value in batch if value.spec.ndim) - {1}
    given = (*graph.params, *graph.state, *graph.inputs)
    kinds: Kinds = {v: ROWS if v in batch else FREE for v in given}
    if valid is not None:
        kinds[valid] = ZEROED
    culprit = _interpret(graph, kinds, Batch(lengths, numbered))
    for value in graph.updates:
        if kinds[value] != FREE:
            return culprit.get(value, value.node)
    for value in graph.outputs:
        if kinds[value] not in (FREE, ROWS, ZEROED):
            return culprit.get(value, value.node)
    return None


def _interpret(graph: Graph, kinds: Kinds, batch: Batch) -> dict[Value, Node]:
    """Add the kinds of all values to those of the inputs; return who mixed what is mixed."""
    kinds[None] = FREE
    culprit: dict[Value, Node] = {}
    for node in graph.nodes:
        if node.op in INPUT_OPS:
            continue
        earlier = [culprit[v] for v in node.inputs if v is not None and v in culprit]
        for index, kind in enumerate(_kinds_of(node, kinds, batch)):
            kinds[Value(node, index)] = kind
            if kind == MIXED:
                culprit[Value(node, index)] = earlier[0] if earlier else node
    return culprit


def _kinds_of(node: Node, kinds: Kinds, batch: Batch) -> tuple[Kind, ...]:
    operands = tuple(kinds[value] for value in node.inputs)
    mixed = (MIXED,) * len(node.specs)
    if MIXED in operands or (node.op.startswith("random.") and not batch.numbered):
        return mixed
    free = all(kind == FREE for kind in operands)
    if free and node.op in SHAPED_BY_ATTRS:
        return (_shaped(node, batch),) * len(node.specs)
    if free and not batch.numbered and _numbered(Value(node, 0), batch):
        return mixed
    if node.op == "core.scan" and not free:
        return _scanned(node, operands, batch)
    if any(isinstance(kind, Placed) for kind in operands):
        return _displaced(node, operands)
    rule = BATCH_RULES.get(node.op)
    if rule is None:
        return (FREE,) * len(node.specs) if free else mixed
    specs = tuple(None if value is None else value.spec for value in node.inputs)
    found = rule(cast("tuple[str, ...]", operands), specs, node.attrs, node.specs)
    return _displaced(node, operands) if MIXED in found else found


def _shaped(node: Node, batch: Batch) -> str:
    """Return the kind of what is made of free values in a shape that may be the batch's."""
    shape = node.specs[0].shape
    # Zeros are zeros however many, and reshaping brings no length in that was not there.
    harmless = node.op == "shape.reshape" or (node.op == "shape.full" and not node.attrs["value"])
    if not harmless and any(size in batch.lengths for size in shape[1:]):
        return MIXED
    if not shape or shape[0] not in batch.lengths:
        return FREE
    if not batch.numbered and not _same_for_all(node):
        return MIXED
    first = node.attrs.get("start", 0) if node.attrs.get("stop") is not None else 0
    counts_up = first == 0 and node.attrs.get("step") in (None, 1)
    return ROWS if counts_up and node.op not in STRETCHED else MIXED


def _same_for_all(node: Node) -> bool:
    """Whether all rows of what a node makes in the batch's shape are equal."""
    if node.op != "shape.broadcast_to":
        return node.op in FILLED
    source = node.inputs[0]
    out = node.specs[0]
    return source is not None and (source.spec.ndim < out.ndim or source.spec.shape[0] == 1)


def _numbered(value: Value, batch: Batch) -> bool:
    """Whether a value is a constant whose rows, as many as the batch's, differ."""
    shape = value.spec.shape
    constant = value.node.op == "core.constant" and bool(shape)
    return constant and shape[0] in batch.lengths and not _uniform(value)


def _uniform(value: Value) -> bool:
    """Whether all entries of a free value are known to be equal."""
    given = value.node.attrs.get("value")
    if value.node.op == "core.constant" and isinstance(given, ConstantArray):
        return bool(given.array.size) and bool(np.all(given.array == given.array.flat[0]))
    return value.node.op == "shape.full" and value.node.inputs == ()


def _displaced(node: Node, operands: Sequence[Kind]) -> tuple[Kind, ...]:
    """Return the kinds where the batch is not axis 0 alone, or ceases to be."""
    mixed = (MIXED,) * len(node.specs)
    places = tuple(ROW if kind == ROWS else kind for kind in operands)
    found = {kind for kind in places if isinstance(kind, Placed)}
    if not found or ZEROED in places or node.op.startswith("random.") or _clash(node, places):
        return mixed
    specs = tuple(None if value is None else value.spec for value in node.inputs)
    place, *others = found
    if not others and place.axis == 0 and place.factor > 1 and node.op in BATCH_RULES:
        # Whatever acts on each of many rows does so too where several belong to a sample.
        as_rows = tuple(ROWS if isinstance(kind, Placed) else kind for kind in places)
        if set(BATCH_RULES[node.op](as_rows, specs, node.attrs, node.specs)) == {ROWS}:
            return (place,) * len(node.specs)
    rule = PLACED_RULES.get(node.op)
    if rule is None:
        return mixed
    return (normal(rule(places, specs, node.attrs, node.specs)),) * len(node.specs)


def _clash(node: Node, places: Sequence[Kind]) -> bool:
    """Whether a free operand may hold another entry for each sample."""
    pairs = list(zip(node.inputs, places, strict=True))
    lengths = {v.spec.shape[k.axis] for v, k in pairs if v is not None and isinstance(k, Placed)}
    return any(
        value is not None
        and kind == FREE
        and not lengths.isdisjoint(set(value.spec.shape) - {1})
        and not _uniform(value)
        for value, kind in pairs
    )


def _scanned(node: Node, operands: Sequence[Kind], batch: Batch) -> tuple[Kind, ...]:
    """Return the kinds of a loop's results; carries must keep theirs in a step."""
    mixed = (MIXED,) * len(node.specs)
    carries = node.attrs["carries"]
    stop = carries + node.attrs["sequences"]
    slices = [_slice(kind) for kind in operands[carries:stop]]
    graph: Graph = node.attrs["body"].graph
    places = {
        (kind, value.spec.shape[0])
        for kind, value in zip(slices, graph.inputs[carries:stop], strict=True)
        if kind == ROWS or (isinstance(kind, Placed) and kind.axis == 0)
    }
    before: list[Kind] = []
    for kind, value in zip(operands[:carries], node.inputs, strict=False):
        assert value is not None
        fits = [place for place, length in places if value.spec.shape[:1] == (length,)]
        filled = kind == FREE and len(fits) == 1 and _uniform(value)
        before.append(fits[0] if filled else kind)
    kinds: Kinds = dict(zip(graph.inputs, (*before, *slices, *operands[stop:]), strict=True))
    if MIXED in kinds.values():
        return mixed
    _interpret(graph, kinds, batch)
    after = [kinds[value] for value in graph.outputs]
    if after[:carries] != before:
        return mixed
    return (*before, *map(_stacked, after[carries:]))


def _slice(kind: Kind) -> Kind:
    """Return the kind of an entry along axis 0."""
    if isinstance(kind, Placed) and kind.axis > 0:
        return normal(Placed(kind.axis - 1, kind.factor))
    return kind if kind == FREE else MIXED


def _stacked(kind: Kind) -> Kind:
    """Return the kind of such entries along a new axis 0."""
    if kind == FREE:
        return FREE
    place = ROW if kind == ROWS else kind
    return Placed(place.axis + 1, place.factor) if isinstance(place, Placed) else MIXED


def size_dependent_node(graph: Graph, other: Graph) -> Node | None:
    """Return the first node that uses the batch size as a number, or None.

    `other` is the same step traced with one more row: apart from shapes, the two must be equal.
    """
    if len(graph.nodes) != len(other.nodes):
        return graph.nodes[-1]
    for node, twin in zip(graph.nodes, other.nodes, strict=True):
        same = node.op == twin.op and node.attrs.keys() == twin.attrs.keys()
        if not same or not all(_alike(node.attrs[key], twin.attrs[key]) for key in node.attrs):
            return node
    return None


def _alike(value: Any, other: Any) -> bool:
    """Return whether attributes are equal, or shapes that differ in their first size alone."""
    if value == other or callable(value):
        return True
    if not isinstance(value, tuple) or not isinstance(other, tuple):
        return False
    shape, twin = cast("tuple[Any, ...]", value), cast("tuple[Any, ...]", other)
    return len(shape) == len(twin) and shape[1:] == twin[1:] and isinstance(shape[0], int)
