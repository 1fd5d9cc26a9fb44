"""Is a step separable by sample? If so the last partial batch can be padded and masked, exactly.

An abstract interpretation of the graph: each value is "free" (of the batch), "rows" (row i depends
on row i alone), "zeroed" (rows, and those of padding are exactly zero) or "mixed". Which op does
what is the table `graphc.kernels.batching.BATCH_RULES`; an op without a rule mixes.
"""

from __future__ import annotations

from graphc.ir import Graph, Node, Value
from graphc.kernels.batching import BATCH_RULES

FREE, ROWS, ZEROED, MIXED = "free", "rows", "zeroed", "mixed"


def mixing_node(graph: Graph, batch: frozenset[Value], valid: Value | None) -> Node | None:
    """Return the first node that mixes samples in what the graph returns, or None.

    Args:
        graph: outputs and updates must not depend on padded rows, except as rows of their own.
        batch: the inputs whose axis 0 is the batch.
        valid: the float input [B] that is 1 for a real row and 0 for padding.
    """
    kinds: dict[Value | None, str] = {None: FREE}
    for value in (*graph.params, *graph.state, *graph.inputs):
        kinds[value] = ROWS if value in batch else FREE
    if valid is not None:
        kinds[valid] = ZEROED
    culprit: dict[Value, Node] = {}
    for node in graph.nodes:
        if node.op.startswith("core.") and not node.inputs:
            kinds.setdefault(Value(node), FREE)
            continue
        for index, kind in enumerate(_kinds_of(node, kinds)):
            kinds[Value(node, index)] = kind
            if kind == MIXED:
                earlier = [culprit[v] for v in node.inputs if v is not None and v in culprit]
                culprit[Value(node, index)] = earlier[0] if earlier else node
    for value in graph.updates:
        if kinds[value] != FREE:
            return culprit.get(value, value.node)
    for value in graph.outputs:
        if kinds[value] == MIXED:
            return culprit[value]
    return None


def _kinds_of(node: Node, kinds: dict[Value | None, str]) -> tuple[str, ...]:
    operands = tuple(kinds[value] for value in node.inputs)
    if MIXED in operands:
        return (MIXED,) * len(node.specs)
    rule = BATCH_RULES.get(node.op)
    if rule is None:
        depends = any(kind != FREE for kind in operands)
        return (MIXED if depends else FREE,) * len(node.specs)
    specs = tuple(None if value is None else value.spec for value in node.inputs)
    return rule(operands, specs, node.attrs, node.specs)
