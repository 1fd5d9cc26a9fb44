"""Cross-entropy of probabilities becomes cross-entropy of logits.

    xent(t, softmax(z)) = sum_i t_i (logsumexp(z) - z_i)
    xent(t, sigmoid(z)) = max(z, 0) - z t + log(1 + exp(-|z|))

Numerics are relaxed: the probabilities were clipped to [1e-7, 1 - 1e-7] and are no longer, so a
saturated prediction has its true loss and a gradient that does not vanish. The probabilities may
be used elsewhere (metrics, outputs): they are then still computed, once, beside the loss.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule


def _pattern(loss: str, activation: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit(loss, "target", p.emit(activation, "logits"), from_logits=False)

    def check(m: Match) -> str | None:
        return _same_axis(m, loss, activation)

    def rewrite(b: Builder, m: Match) -> Value:
        return b.emit(loss, m["target"], m["logits"], **{**m.root.attrs, "from_logits": True})

    name = f"{loss.removeprefix('nn.')}_of_{activation.removeprefix('nn.')}"
    return Rule(name, pattern, check, rewrite, shared_interior=True)


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
    rules=(
        _pattern("nn.categorical_crossentropy", "nn.softmax"),
        _pattern("nn.sparse_categorical_crossentropy", "nn.softmax"),
        _pattern("nn.binary_crossentropy", "nn.sigmoid"),
    ),
    numerics="relaxed",
)
