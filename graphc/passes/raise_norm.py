"""Normalisation written out in elementary functions becomes one op.

    (x - mean(x)) / sqrt(var(x) + epsilon)    = layer_norm(x)
    x / sqrt(mean(x^2) + epsilon)             = rms_norm(x)
    layer_norm(x) gamma                       = layer_norm(x, gamma)
    layer_norm(x, gamma) + beta               = layer_norm(x, gamma, beta)

The statistics are over the last axes, whose shape gamma and beta have. Numerics are relaxed. In
float32 rounding alone moves, and more so where |mean| is large beside the deviation: the op scales
x before it subtracts. What is written in 16 bits gets its statistics in float32, so that squares do
not overflow any more.
Sources: arXiv 1607.06450 (layer), arXiv 1910.07467 (root mean square).
"""

from __future__ import annotations

from typing import Any

from graphc.builder import Builder
from graphc.ir import Value
from graphc.match import Match, Operand, Pattern, PatternBuilder
from graphc.passes.base import Pass
from graphc.passes.same_dtype import reason_against_dtype
from graphc.rewrite import Rule

STATISTICS = ("reduce.mean", "reduce.var", "nn.moments")


def _square(p: PatternBuilder, x: Operand) -> Operand:
    power = p.emit("math.power", x, 2)
    return p.any(p.emit("math.square", x), power, p.emit("math.multiply", x, x))


def _over_deviation(p: PatternBuilder, x: Operand, variance: Operand) -> Operand:
    """Return `x / sqrt(variance + epsilon)`, with gamma at every place that is not after it."""
    stable = p.emit("math.add", variance, p.number("epsilon"))
    root = p.any(p.emit("math.sqrt", stable), p.emit("math.power", stable, 0.5))
    inverse = p.any(p.emit("math.rsqrt", stable), p.emit("math.power", stable, -0.5))
    inverse = p.any(inverse, p.emit("math.divide", 1, root))
    return p.any(
        p.emit("math.divide", x, root),
        p.emit("math.multiply", x, inverse),
        p.emit("math.divide", p.emit("math.multiply", x, "gamma"), root),
        p.emit("math.multiply", x, p.emit("math.multiply", inverse, "gamma")),
        p.emit("math.multiply", p.emit("math.multiply", x, "gamma"), inverse),
    )


def _layer_norm(p: PatternBuilder) -> Operand:
    moments = p.emit("nn.moments", "x", keepdims=True)
    mean = p.any(p.emit("reduce.mean", "x", keepdims=True), moments)
    centred = p.emit("math.subtract", "x", mean)
    variance = p.any(
        p.emit("reduce.var", "x", keepdims=True),
        p.result(moments, 1),
        p.emit("reduce.mean", _square(p, centred), keepdims=True),
    )
    return _over_deviation(p, centred, variance)


def _rms_norm(p: PatternBuilder) -> Operand:
    return _over_deviation(p, "x", p.emit("reduce.mean", _square(p, "x"), keepdims=True))


def _raised(op: str, pattern: Pattern, parameters: tuple[str | None, ...]) -> Rule:
    """Return the rule that makes `op` of its mathematics; `parameters` are its operands after x."""

    def check(m: Match) -> str | None:
        return reason_against_dtype(m, "x") or _reason_against_axes(m)

    def rewrite(b: Builder, m: Match) -> Value:
        operands = [None if name is None else m.get(name) for name in parameters]
        epsilon = m.numbers["epsilon"]
        return b.emit(op, m["x"], *operands, axis=_axes(m)[0], epsilon=epsilon)

    return Rule(f"{op.removeprefix('nn.')}_of_moments", pattern, check, rewrite)


def _axes(m: Match) -> list[tuple[int, ...]]:
    """Return the axes of every statistic that was matched, from the root inwards."""
    rank = m.root.specs[0].ndim
    nodes = [node for node in m.nodes.values() if node.op in STATISTICS]
    return [_counted(node.attrs.get("axes", node.attrs.get("axis")), rank) for node in nodes]


def _counted(axis: Any, rank: int) -> tuple[int, ...]:
    axes = range(rank) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % rank for a in axes))


def _reason_against_axes(m: Match) -> str | None:
    axes, *others = _axes(m)
    if any(other != axes for other in others):
        return f"the mean is over {axes}, the variance over {others[-1]}"
    shape = m.root.specs[0].shape
    if axes != tuple(range(len(shape) - len(axes), len(shape))):
        return f"the axes {axes} are not the last ones"
    return _reason_against_shape(m.get("gamma"), shape[len(shape) - len(axes) :])


def _reason_against_shape(parameter: Value | None, shape: tuple[int, ...]) -> str | None:
    if parameter is None or parameter.spec.shape == shape:
        return None
    return f"the normalised axes have the shape {shape}, the parameter {parameter.spec.shape}"


def _joined(name: str, op: str, pattern: Pattern, parameters: tuple[str | None, ...]) -> Rule:
    """Return the rule by which a norm takes in the parameter after it, the last of `parameters`."""
    new = parameters[-1]
    assert new is not None

    def check(m: Match) -> str | None:
        axes = _counted(m.node(op).attrs["axis"], m.root.specs[0].ndim)
        shape = tuple(m.root.specs[0].shape[axis] for axis in axes)
        return reason_against_dtype(m, "x") or _reason_against_shape(m[new], shape)

    def rewrite(b: Builder, m: Match) -> Value:
        operands = [None if name is None else m[name] for name in parameters]
        missing = [None] * (len(m.node(op).inputs) - 1 - len(operands))
        return b.emit(op, m["x"], *operands, *missing, **m.node(op).attrs)

    return Rule(name, pattern, check, rewrite)


def _scaled_layer_norm(p: PatternBuilder) -> Operand:
    norm = p.emit("nn.layer_norm", "x", None, None, rms_scaling=False)
    return p.emit("math.multiply", norm, "gamma")


def _shifted_layer_norm(p: PatternBuilder) -> Operand:
    norm = p.emit("nn.layer_norm", "x", "gamma", None, rms_scaling=False)
    return p.emit("math.add", norm, "beta")


def _scaled_rms_norm(p: PatternBuilder) -> Operand:
    return p.emit("math.multiply", p.emit("nn.rms_norm", "x", None), "gamma")


RAISE_NORM = Pass(
    name="raise_norm",
    rules=(
        _raised("nn.layer_norm", _layer_norm, ("gamma", None)),
        _raised("nn.rms_norm", _rms_norm, ("gamma",)),
        _joined("layer_norm_scaled", "nn.layer_norm", _scaled_layer_norm, ("gamma",)),
        _joined("layer_norm_shifted", "nn.layer_norm", _shifted_layer_norm, ("gamma", "beta")),
        _joined("rms_norm_scaled", "nn.rms_norm", _scaled_rms_norm, ("gamma",)),
    ),
    numerics="relaxed",
)
