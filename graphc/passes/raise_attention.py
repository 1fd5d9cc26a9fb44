"""Attention written out as two products around a softmax becomes one op.

    softmax(c q k^T + bias, hidden where not visible) v = attention(q, k, v, bias, visible, scale=c)

for one head [B, T, H] or several, in any layout of matmul or einsum. A constant table that hides
exactly the keys behind the query's own position becomes `is_causal`. Hidden means -1e9 or less,
or -inf where each query sees a key: a query that sees none gets the mean of the values both ways.
Numerics are relaxed: in float32 rounding alone moves, but the scores and shares of 16-bit floats
are then kept in float32, so a score does not overflow any more. Source: arXiv 1706.03762.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, Operand, PatternBuilder
from graphc.passes.attention_layout import (
    KEY,
    QUERY,
    VALUE,
    Layout,
    as_operand,
    as_table,
    as_unscaled,
    as_written,
    layout_of,
)
from graphc.passes.attention_mask import (
    hides_the_future,
    penalises_the_future,
    reason_against_hiding,
)
from graphc.passes.base import Pass
from graphc.passes.same_dtype import reason_against_dtype
from graphc.rewrite import Rule

OPERANDS = ("first", "second", "v")
NARROW = ("float16", "bfloat16", "float32")


def _pattern(p: PatternBuilder) -> Operand:
    products = p.any(
        p.emit("linalg.matmul", "first", "second"), p.emit("linalg.einsum", "first", "second")
    )
    scaled = p.product(_maybe_cast(p, products), scale="scale")
    biased = p.any(
        p.emit("math.add", scaled, "bias"), p.emit("math.subtract", scaled, "penalty"), scaled
    )
    masked = p.any(
        p.emit("math.where", "visible", biased, p.number("fill")),
        p.emit("math.where", "hidden", p.number("fill"), biased),
        biased,
    )
    shares = _maybe_cast(p, p.emit("nn.softmax", _maybe_cast(p, masked)))
    return p.any(
        p.emit("linalg.matmul", shares, "v"),
        p.emit("linalg.einsum", shares, "v"),
        p.emit("linalg.einsum", "v", shares),
    )


def _maybe_cast(p: PatternBuilder, x: Operand) -> Operand:
    return p.any(x, p.emit("core.cast", x))


def _check(m: Match) -> str | None:
    layout = layout_of(m)
    if isinstance(layout, str):
        return layout
    tables = [m.get(name) for name in ("bias", "penalty", "visible", "hidden")]
    return (
        _reason_against_dtypes(m)
        or next(filter(None, (_reason_against_table(t, layout) for t in tables)), None)
        or reason_against_hiding(m, layout)
    )


def _reason_against_dtypes(m: Match) -> str | None:
    given = [value for name in (*OPERANDS, "bias", "penalty") if (value := m.get(name)) is not None]
    casts = [Value(node) for node in m.nodes.values() if node.op == "core.cast"]
    for value in (*given, *casts):
        if value.spec.dtype not in NARROW:
            return f"{value.spec.dtype} is not a float of at most 32 bits"
    reasons = (reason_against_dtype(m, name) for name in OPERANDS)
    return next(filter(None, reasons), None)


def _reason_against_table(table: Value | None, layout: Layout) -> str | None:
    """Return None when a bias or mask broadcasts to the scores, else the reason."""
    if table is None:
        return None
    shape, scores = table.spec.shape, layout.shape
    pairs = zip(reversed(shape), reversed(scores), strict=False)
    if len(shape) <= len(scores) and all(a in (1, b) for a, b in pairs):
        return None
    return f"a table of the shape {shape} does not broadcast to the scores {scores}"


def _rewrite(b: Builder, m: Match) -> Value:
    layout = layout_of(m)
    assert isinstance(layout, Layout)
    query, key = (QUERY, KEY) if layout.query_is_first else (KEY, QUERY)
    first, one = as_unscaled(b, m.value("first"), layout.first, query)
    second, other = as_unscaled(b, m.value("second"), layout.second, key)
    operands = (first, second) if layout.query_is_first else (second, first)
    value = as_operand(b, m.value("v"), layout.value, VALUE)
    tables, is_causal = _tables(b, m, layout)
    scale = m.numbers["scale"] * one * other
    made = b.emit("nn.attention", *operands, value, *tables, scale=scale, is_causal=is_causal)
    return as_written(b, made, layout)


def _tables(b: Builder, m: Match, layout: Layout) -> tuple[tuple[Value | None, Value | None], bool]:
    """Return the bias and the mask as the op takes them, and whether it is causal."""
    bias, penalty = m.get("bias"), m.get("penalty")
    visible, hidden = m.get("visible"), m.get("hidden")
    is_causal = False
    if penalty is not None:
        bias = b.emit("math.negative", penalty)
    if penalises_the_future(m, layout):
        bias, is_causal = None, True
    if hides_the_future(m, layout):
        visible, hidden, is_causal = None, None, True
    if hidden is not None:
        visible = b.emit("math.logical_not", hidden)
    elif visible is not None and visible.spec.dtype != "bool":
        visible = b.emit("core.cast", visible, dtype="bool")
    return (as_table(b, bias, layout), as_table(b, visible, layout)), is_causal


RAISE_ATTENTION = Pass(
    name="raise_attention",
    rules=(Rule("attention_of_softmax", _pattern, _check, _rewrite),),
    numerics="relaxed",
)
