"""A lookup whose rows are added up at once becomes one op that never holds the rows.

    sum_t table[ids[.., t]]                            = embedding_bag(ids, table)
    sum_t table[ids[.., t]] where mask[.., t], else 0  = embedding_bag(ids, table, mask)

The mean is the sum divided by the number of positions; a masked mean divides by its own count,
which stays outside. Numerics are reassociated: the rows may be added up in another order.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule

KNOWN_ATTRS = {"axis", "keepdims"}


def _plain(combiner: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(f"reduce.{combiner}", p.emit("nn.embedding", "ids", "table"))

    def rewrite(b: Builder, m: Match) -> Value:
        return b.emit("nn.embedding_bag", m["ids"], m["table"], None, combiner=combiner)

    return Rule(f"{combiner}_of_embedding", pattern, _reason_against, rewrite)


def _masked() -> Rule:
    # The column is a variable, for it is used elsewhere too: to count the rows.
    def pattern(p: PatternBuilder) -> PatternNode:
        rows = p.emit("nn.embedding", "ids", "table")
        return p.emit("reduce.sum", p.emit("math.where", "column", rows, 0))

    def check(m: Match) -> str | None:
        column, shape = m.value("column").spec, m.value("ids").spec.shape
        if column.dtype != "bool" or column.shape != (*shape, 1):
            return "the condition is not one of whole rows"
        return _reason_against(m)

    def rewrite(b: Builder, m: Match) -> Value:
        mask = _without_last_axis(b, m.value("column"))
        return b.emit("nn.embedding_bag", m["ids"], m["table"], mask, combiner="sum")

    return Rule("sum_of_masked_embedding", pattern, check, rewrite)


def _without_last_axis(b: Builder, column: Value) -> Value:
    """Return the mask that a column was made from, where it was, else the column squeezed."""
    source = column.node.inputs[0] if column.node.op == "shape.expand_dims" else None
    if source is not None and source.spec.shape == column.spec.shape[:-1]:
        return source
    return b.emit("shape.squeeze", column, axis=-1)


def _reason_against(m: Match) -> str | None:
    axis, ndim = m.root.attrs.get("axis"), m.node("nn.embedding").specs[0].ndim
    axes = (axis,) if isinstance(axis, int) else axis
    if not isinstance(axes, tuple) or [each % ndim for each in axes] != [ndim - 2]:
        return f"the reduction is over axis {axis}, not over the positions of the ids"
    if m.root.attrs.get("keepdims"):
        return "the axis of the positions is kept"
    if not m.root.attrs.keys() <= KNOWN_ATTRS:
        return f"the reduction has more attributes than {sorted(KNOWN_ATTRS)}"
    if not m.value("table").spec.dtype.startswith(("float", "bfloat")):
        return "the table is not floating"
    return None


POOL_EMBEDDING = Pass(
    name="pool_embedding",
    rules=(_plain("mean"), _plain("sum"), _masked()),
    numerics="reassociate",
)
