"""How many operations an element takes, for the functions that take more than one."""

from __future__ import annotations

EXPONENTIAL, TRIGONOMETRIC, DRAW = 12, 24, 60

_BY_WEIGHT: dict[int, tuple[str, ...]] = {
    2: ("nn.leaky_relu", "nn.batch_norm", "reduce.sum", "reduce.mean", "reduce.max"),
    4: ("math.sqrt", "math.divide", "math.rsqrt", "math.reciprocal", "nn.softsign"),
    EXPONENTIAL: (
        "math.exp", "math.expm1", "math.log", "math.log1p", "math.logaddexp",
        "nn.sigmoid", "nn.silu", "nn.elu", "nn.selu", "nn.softmax", "nn.log_softmax",
        "nn.softplus", "reduce.logsumexp",
        "nn.sparse_categorical_crossentropy", "nn.categorical_crossentropy",
        "nn.binary_crossentropy",
    ),
    TRIGONOMETRIC: (
        "math.tanh", "math.sin", "math.cos", "math.tan", "math.erf", "math.power", "math.arctan2",
        "nn.gelu", "nn.mish",
    ),
    DRAW: (
        "nn.dropout", "random.uniform", "random.normal", "random.truncated_normal",
        "random.bernoulli", "random.randint", "random.categorical",
    ),
}  # fmt: skip

WEIGHTS: dict[str, int] = {op: weight for weight, ops in _BY_WEIGHT.items() for op in ops}
