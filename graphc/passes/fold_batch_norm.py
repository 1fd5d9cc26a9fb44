"""Inference: batch normalization disappears into the dense or convolution before it.

    s = gamma / sqrt(variance + epsilon)
    batch_norm(x @ w + b) = x @ (w s) + ((b - mean) s + beta)

The same holds for a convolution, whose kernel ends in the output channels. Numerics are
reassociated: the scale is applied to the weights instead of the activations.
"""

from __future__ import annotations

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, PatternBuilder, PatternNode
from graphc.passes.base import Pass
from graphc.rewrite import Rule


def _rule(linear: str) -> Rule:
    def pattern(p: PatternBuilder) -> PatternNode:
        product = p.emit(linear, "x", "kernel", "bias")
        return p.emit("nn.batch_norm", product, "mean", "variance", "gamma", "beta")

    def check(m: Match) -> str | None:
        return _foldable(m, linear)

    def rewrite(b: Builder, m: Match) -> Value:
        scale = _scale(b, m)
        kernel = b.emit("math.multiply", m["kernel"], scale)
        bias = b.emit("math.multiply", _shift(b, m), scale)
        if m["beta"] is not None:
            bias = b.emit("math.add", bias, m["beta"])
        return b.emit(linear, m["x"], kernel, bias, **m.node(linear).attrs)

    return Rule(f"batch_norm_of_{linear.removeprefix('nn.')}", pattern, check, rewrite)


def _foldable(m: Match, linear: str) -> str | None:
    axis, ndim = m.root.attrs["axis"], m.root.specs[0].ndim
    if axis % ndim != ndim - 1:
        return f"batch normalization is over axis {axis}, not over the last one"
    if m.node(linear).attrs.get("data_format", "channels_last") != "channels_last":
        return "the convolution has its channels first"
    kernel, mean = m["kernel"], m["mean"]
    if kernel is None or mean is None or kernel.spec.dtype != mean.spec.dtype:
        return "the kernel and the statistics differ in dtype: the scale would lose precision"
    return None


def _scale(b: Builder, m: Match) -> Value:
    epsilon = m.root.attrs["epsilon"]
    scale = b.emit("math.rsqrt", b.emit("math.add", m["variance"], epsilon))
    return scale if m["gamma"] is None else b.emit("math.multiply", m["gamma"], scale)


def _shift(b: Builder, m: Match) -> Value:
    if m["bias"] is None:
        return b.emit("math.negative", m["mean"])
    return b.emit("math.subtract", m["bias"], m["mean"])


FOLD_BATCH_NORM = Pass(
    name="fold_batch_norm",
    rules=(_rule("nn.dense"), _rule("nn.conv")),
    numerics="reassociate",
    modes=("infer",),
)
