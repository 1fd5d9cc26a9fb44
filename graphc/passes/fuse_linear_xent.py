"""A dense layer whose logits go into a cross-entropy alone becomes one op that never holds them.

    xent(t, x @ kernel + bias) = linear_crossentropy(x, kernel, bias, t)

The layer may be a plain product with a matrix, such as that with a transposed embedding. Between
it and the loss may stand a cast to a wider dtype, and a reshape that keeps the classes: the rows
are then reshaped instead. Only where there are many logits: the product is computed twice in
training for the memory that they would take. Numerics are reassociated: products are summed up by
blocks of rows, and 16-bit logits are not rounded.
"""

from __future__ import annotations

import math

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule

LEAST = 2**25  # logits from which their memory counts: 128 MB in float32
LAYERS = ("nn.dense", "linalg.matmul")
WIDER = {"float16": "float32", "bfloat16": "float32"}


def _pattern(p: PatternBuilder) -> PatternNode:
    made = p.any(p.emit(LAYERS[0], "x", "kernel", "bias"), p.emit(LAYERS[1], "x", "kernel"))
    cast, shaped = p.emit("core.cast", made), p.emit("shape.reshape", made)
    both = p.any(p.emit("core.cast", shaped), p.emit("shape.reshape", cast))
    logits = p.any(made, cast, shaped, both)
    return p.emit("nn.sparse_categorical_crossentropy", "target", logits, from_logits=True)


def _reason_against(m: Match) -> str | None:
    logits = m.root.inputs[1]
    assert logits is not None
    layer = next(node for node in m.nodes.values() if node.op in LAYERS)
    shape, (made,) = logits.spec.shape, layer.specs
    if m.root.attrs.get("axis", -1) not in (-1, len(shape) - 1):
        return "the classes are not on the last axis"
    if m.value("kernel").spec.ndim != 2 or shape[-1] != made.shape[-1]:
        return "the last axis of the logits is not that of a matrix"
    if logits.spec.dtype not in (made.dtype, WIDER.get(made.dtype)):
        return f"the logits are cast from {made.dtype} to {logits.spec.dtype}"
    used = [name for name, value in layer.attrs.items() if value is not None]
    if used:
        return f"the layer does more than a product and a sum: {', '.join(used)}"
    count = math.prod(shape)
    return None if count >= LEAST else f"the {count} logits are fewer than {LEAST}"


def _rewrite(b: Builder, m: Match) -> Value:
    x, rows = m.value("x"), m.root.specs[0].shape
    if x.spec.shape[:-1] != rows:
        x = b.emit("shape.reshape", x, newshape=(*rows, x.spec.shape[-1]))
    return b.emit("nn.linear_crossentropy", x, m["kernel"], m.get("bias"), m["target"])


FUSE_LINEAR_XENT = Pass(
    name="fuse_linear_xent",
    rules=(Rule("crossentropy_of_dense", _pattern, _reason_against, _rewrite),),
    numerics="reassociate",
    modes=("train",),
)
