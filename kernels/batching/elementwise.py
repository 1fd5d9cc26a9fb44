"""Batch rules of elementwise ops, activations and losses."""

from __future__ import annotations

from graphc.kernels.batching.kinds import (
    FREE,
    MIXED,
    ROWS,
    ZEROED,
    Attrs,
    Kinds,
    Outs,
    Rule,
    Specs,
    aligned,
    axes_of,
    elementwise,
    first,
    first_only,
    first_operand,
    never,
    rule,
)
from graphc.kernels.registry import TensorSpec

# f(0) = 0 with a finite derivative at 0; hence no sqrt or cbrt. -0.0 counts as 0: hence no signbit.
ZERO_AT_ZERO = (
    "math.negative", "math.absolute", "math.abs", "math.fabs", "math.sign", "math.square",
    "math.real", "math.imag", "math.conjugate", "math.isnan", "math.isinf", "math.isneginf",
    "math.isposinf", "math.sin", "math.tan", "math.arcsin", "math.arctan", "math.sinh", "math.tanh",
    "math.arcsinh", "math.arctanh", "math.expm1", "math.log1p", "math.floor", "math.ceil",
    "math.round", "math.trunc", "math.erf", "math.erfinv", "math.deg2rad", "math.rad2deg",
    "math.nan_to_num", "core.cast", "core.identity", "core.stop_gradient", "core.saturate_cast",
    "nn.tanh_shrink", "nn.hard_shrink", "nn.relu6", "nn.leaky_relu", "nn.gelu",
    "nn.silu",
)  # fmt: skip
OTHER_UNARY = (
    "math.sqrt", "math.cbrt", "math.signbit", "math.reciprocal", "math.isfinite", "math.isreal",
    "math.logical_not", "math.bitwise_not", "math.exp", "math.exp2", "math.log", "math.log2",
    "math.log10", "math.rsqrt", "math.cos", "math.arccos", "math.cosh", "math.arccosh", "math.sinc",
    "math.angle", "math.i0", "math.erfc", "math.lgamma", "math.digamma", "nn.relu", "nn.sigmoid",
    "nn.softplus", "nn.softsign", "nn.log_sigmoid", "nn.hard_sigmoid", "nn.hard_silu", "nn.selu",
    "nn.mish", "nn.hard_tanh", "nn.sparse_plus", "nn.sparse_sigmoid", "nn.elu", "nn.celu",
    "nn.soft_shrink", "nn.squareplus", "nn.threshold",
)  # fmt: skip
ZERO_IF_ALL = (
    "math.add", "math.subtract", "math.maximum", "math.minimum", "math.fmax", "math.fmin",
    "math.logical_or", "math.logical_xor", "math.bitwise_or", "math.bitwise_xor", "math.greater",
    "math.less", "math.not_equal",
)  # fmt: skip
ZERO_IF_ANY = ("math.multiply", "math.logical_and", "math.bitwise_and")
ZERO_IF_FIRST_ONLY = ("math.divide", "math.floor_divide", "math.mod", "math.fmod")
ZERO_IF_FIRST = (
    "math.divide_no_nan",
    "math.left_shift",
    "math.right_shift",
    "math.ldexp",
)
OTHER_BINARY = (
    "math.power", "math.arctan2", "math.hypot", "math.heaviside", "math.logaddexp",
    "math.logaddexp2", "math.nextafter", "math.gcd", "math.lcm", "math.equal", "math.less_equal",
    "math.greater_equal", "math.isclose", "math.polygamma", "math.complex", "math.clip", "nn.prelu",
    "nn.binary_crossentropy",
)  # fmt: skip


def _where(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    if not aligned(kinds, specs, outs[0]):
        return MIXED
    condition, x, y = kinds
    if ZEROED not in kinds:
        return ROWS
    # A zeroed condition is False on padding, and so picks `y` there.
    return ZEROED if y == ZEROED and ZEROED in (condition, x) else MIXED


def _crossentropy(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    target, output = specs
    if target is None or output is None or not target.ndim or output.ndim < 2:
        return MIXED
    classes = axes_of(attrs, "axis", output.ndim, -1)
    whole = target.shape[0] == output.shape[0] == outs[0].shape[0]
    return ROWS if whole and 0 not in classes and ZEROED not in kinds else MIXED


def _along_axis(source: TensorSpec, attrs: Attrs, out: TensorSpec) -> bool:
    return 0 not in axes_of(attrs, "axis", source.ndim, -1)


def _dropout(kinds: Kinds, specs: Specs, attrs: Attrs, outs: Outs) -> str:
    x, *others = kinds
    return x if all(kind == FREE for kind in others) else MIXED


RULES: dict[str, Rule] = {
    **dict.fromkeys((*ZERO_AT_ZERO, *ZERO_IF_ALL), elementwise(all)),
    **dict.fromkeys((*OTHER_UNARY, *OTHER_BINARY), elementwise(never)),
    **dict.fromkeys(ZERO_IF_ANY, elementwise(any)),
    **dict.fromkeys(ZERO_IF_FIRST_ONLY, elementwise(first_only)),
    **dict.fromkeys(ZERO_IF_FIRST, elementwise(first)),
    **dict.fromkeys(
        ("nn.softmax", "nn.log_softmax", "nn.sparsemax", "nn.glu"),
        first_operand(_along_axis, zero=False),
    ),
    **dict.fromkeys(
        ("nn.categorical_crossentropy", "nn.sparse_categorical_crossentropy"), rule(_crossentropy)
    ),
    "math.where": rule(_where),
    "nn.dropout": rule(_dropout),
}
