"""Cross-entropy of probabilities becomes cross-entropy of logits.

    xent(t, softmax(z)) = sum_i t_i (logsumexp(z) - z_i)
    xent(t, sigmoid(z)) = max(z, 0) - z t + log(1 + exp(-|z|))
    xent(t, cast(softmax(z))) = xent(t, softmax(cast(z)))

Numerics are relaxed: the probabilities were clipped to [1e-7, 1 - 1e-7] and are no longer, so a
saturated prediction has its true loss and a gradient that does not vanish. In mixed precision the
loss does not see them rounded to 16 bits any more. The probabilities may be used elsewhere, by
metrics and outputs: they are then still computed, once, beside the loss.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.passes.simplify import holds, is_float
from graphc.rewrite import Rule

PAIRS = (
    ("nn.categorical_crossentropy", "nn.softmax"),
    ("nn.sparse_categorical_crossentropy", "nn.softmax"),
    ("nn.binary_crossentropy", "nn.sigmoid"),
)


def _of_probabilities(loss: str, activation: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(loss, "target", p.emit(activation, "logits"), from_logits=False)

    def check(m: Match) -> str | None:
        return _same_axis(m, loss, activation)

    def rewrite(b: Builder, m: Match) -> Value:
        return b.emit(loss, m["target"], m["logits"], **{**m.root.attrs, "from_logits": True})

    return Rule(_name(loss, activation), pattern, check, rewrite, shared_interior=True)


def _of_cast_probabilities(loss: str, activation: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        probabilities = p.emit("core.cast", p.emit(activation, "logits"))
        return p.emit(loss, "target", probabilities, from_logits=False)

    def check(m: Match) -> str | None:
        narrow, wide = m["logits"].spec.dtype, m.node("core.cast").specs[0].dtype
        if not (is_float(wide) and holds(wide, narrow)):
            return f"{wide} cannot hold every {narrow}"
        return _same_axis(m, loss, activation)

    def rewrite(b: Builder, m: Match) -> Value:
        logits = b.emit("core.cast", m["logits"], dtype=m.node("core.cast").specs[0].dtype)
        return b.emit(loss, m["target"], logits, **{**m.root.attrs, "from_logits": True})

    return Rule(f"{_name(loss, activation)}_cast", pattern, check, rewrite, shared_interior=True)


def _name(loss: str, activation: str) -> str:
    return f"{loss.removeprefix('nn.')}_of_{activation.removeprefix('nn.')}"


def _same_axis(m: Match, loss: str, activation: str) -> str | None:
    """Return the reason why the normalised axis and the class axis differ, if they do."""
    if activation == "nn.sigmoid":
        return None
    ndim = m.node(activation).specs[0].ndim
    softmax_axis = m.node(activation).attrs.get("axis", -1)
    class_axis = m.node(loss).attrs.get("axis", -1)
    if not isinstance(softmax_axis, int) or softmax_axis % ndim != class_axis % ndim:
        return f"softmax is over axis {softmax_axis}, the cross-entropy over axis {class_axis}"
    return None


FUSE_SOFTMAX_XENT = Pass(
    name="fuse_softmax_xent",
    rules=tuple(
        rule(*pair) for pair in PAIRS for rule in (_of_probabilities, _of_cast_probabilities)
    ),
    numerics="relaxed",
)
