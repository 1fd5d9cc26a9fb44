"""Is a step separable by sample? If so the last partial batch can be padded and masked, exactly.

An abstract interpretation of the graph: each value is "free" (of the batch), "rows" (row i depends
on row i alone), "zeroed" (rows, and those of padding are exactly zero) or "mixed". Which op does
what is the table `graphc.kernels.batching.BATCH_RULES`; an op without a rule mixes.
"""

from __future__ import annotations

from typing import Any, cast

from graphc.ir import INPUT_OPS, Graph, Node, Value
from graphc.kernels.batching import BATCH_RULES, SHAPED_BY_ATTRS

FREE, ROWS, ZEROED, MIXED = "free", "rows", "zeroed", "mixed"
# With another length every row of theirs may be another one.
STRETCHED = ("shape.linspace", "shape.logspace", "shape.geomspace", "shape.pad")


def mixing_node(graph: Graph, batch: frozenset[Value], valid: Value | None) -> Node | None:
    """Return the first node that mixes samples in what the graph returns, or None.

    Args:
        graph: outputs and updates must not depend on padded rows, except as rows of their own.
        batch: the inputs whose axis 0 is the batch.
        valid: the float input [B] that is 1 for a real row and 0 for padding.
    """
    rows = {value.spec.shape[0] for value in batch if value.spec.ndim} - {1}
    given = (*graph.params, *graph.state, *graph.inputs)
    kinds: dict[Value | None, str] = {v: ROWS if v in batch else FREE for v in given}
    kinds[None] = FREE
    if valid is not None:
        kinds[valid] = ZEROED
    culprit: dict[Value, Node] = {}
    for node in graph.nodes:
        if node.op in INPUT_OPS:
            continue
        earlier = [culprit[v] for v in node.inputs if v is not None and v in culprit]
        for index, kind in enumerate(_kinds_of(node, kinds, rows)):
            kinds[Value(node, index)] = kind
            if kind == MIXED:
                culprit[Value(node, index)] = earlier[0] if earlier else node
    for value in graph.updates:
        if kinds[value] != FREE:
            return culprit.get(value, value.node)
    for value in graph.outputs:
        if kinds[value] == MIXED:
            return culprit[value]
    return None


def _kinds_of(node: Node, kinds: dict[Value | None, str], rows: set[int]) -> tuple[str, ...]:
    operands = tuple(kinds[value] for value in node.inputs)
    if MIXED in operands:
        return (MIXED,) * len(node.specs)
    if all(kind == FREE for kind in operands) and node.op in SHAPED_BY_ATTRS:
        return (_shaped(node, rows),) * len(node.specs)
    rule = BATCH_RULES.get(node.op)
    if rule is None:
        depends = any(kind != FREE for kind in operands)
        return (MIXED if depends else FREE,) * len(node.specs)
    specs = tuple(None if value is None else value.spec for value in node.inputs)
    return rule(operands, specs, node.attrs, node.specs)


def _shaped(node: Node, rows: set[int]) -> str:
    """Return the kind of what is made of free values in a shape that may be the batch's."""
    shape = node.specs[0].shape
    # Zeros are zeros however many, and reshaping brings no length in that was not there.
    harmless = node.op == "shape.reshape" or (node.op == "shape.full" and not node.attrs["value"])
    if not harmless and any(size in rows for size in shape[1:]):
        return MIXED
    if not shape or shape[0] not in rows:
        return FREE
    first = node.attrs.get("start", 0) if node.attrs.get("stop") is not None else 0
    counts_up = first == 0 and node.attrs.get("step") in (None, 1)
    return ROWS if counts_up and node.op not in STRETCHED else MIXED


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
