"""Pooling comes before the activation: as many activations fewer as the window has elements.

    max_pool(relu(x)) = relu(max_pool(x))

Exact, for relu never decreases and is only ever its argument, 0 or 6:

- the largest of the results is the result of the largest, and rounding plays no part;
- where the maximum m lies in the open interval in which relu is its argument, the elements equal to
  m are the same before and after, so that the same one of several receives the gradient;
- everywhere else the derivative of relu is 0, at 0 and at 6 too, whichever element it reaches;
- a NaN in the window makes the result NaN, and its derivative is 0 on either side of the rule,
  as long as the pool gives a NaN the gradient of its window (XLA's select-and-scatter may give it
  to another element);
- each window holds at least one element that is not padding, and padding is never larger.

Other activations keep their place: a slope or a curve rounds, and what rounding makes equal, the
gradient of the pool would tell apart again.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Node, Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule

ROUNDING = "its results are rounded: elements that differ may become equal, and share a gradient"
ROUNDED = (
    "nn.leaky_relu", "nn.sigmoid", "nn.hard_sigmoid", "nn.elu", "nn.selu", "nn.celu",
    "nn.softplus", "math.tanh",
)  # fmt: skip


def _rule(activation: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        return p.emit("nn.max_pool", p.emit(activation, "x"))

    def check(m: Match) -> str | None:
        return _reason_against(m.node(activation))

    def rewrite(b: Builder, m: Match) -> Value:
        pooled = b.emit("nn.max_pool", m["x"], **m.root.attrs)
        act = m.node(activation)
        b.scope, b.source = act.scope, act.source
        return b.emit(activation, pooled, **act.attrs)

    name = f"max_pool_of_{activation.split('.')[1]}"
    return Rule(name, pattern, check, rewrite)


def _reason_against(activation: Node) -> str | None:
    """Return None where the activation and the pool commute to the last bit, else why not."""
    if activation.op in ROUNDED:
        return ROUNDING
    x = activation.inputs[0]
    if x is None or x.spec.dtype != activation.specs[0].dtype:
        return "the activation changes the dtype"
    return _reason_against_relu(activation) if activation.op == "nn.relu" else None


def _reason_against_relu(relu: Node) -> str | None:
    slope, most, threshold = (
        relu.attrs[name] for name in ("negative_slope", "max_value", "threshold")
    )
    if slope != 0.0:
        return f"the slope is {slope}: {ROUNDING}"
    if threshold != 0.0:
        return f"below the threshold {threshold} a NaN would become 0"
    if most not in (None, 6):
        return f"at the limit {most} the derivative is not 0"
    return None


POOL_BEFORE_RELU = Pass(
    name="pool_before_relu",
    rules=tuple(_rule(activation) for activation in ("nn.relu", "nn.relu6", *ROUNDED)),
    numerics="exact",
)
