"""Keras's activation functions; each takes a tensor and returns one (its maths is in the ops)."""

from __future__ import annotations

from typing import Any

from graphc.keras import ops
from graphc.keras.engine.dispatch import apply
from graphc.keras.ops.uniform import operand


def relu(
    x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Any:
    """Rectified linear unit: `x` above `threshold`, `negative_slope * (x - threshold)` below.

    The result is capped at `max_value`.
    """
    return apply(
        "nn.relu",
        operand(x),
        negative_slope=negative_slope,
        max_value=max_value,
        threshold=threshold,
    )


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """`x` where positive, `negative_slope * x` elsewhere."""
    return ops.leaky_relu(x, negative_slope)


def relu6(x: Any) -> Any:
    """`min(max(x, 0), 6)`."""
    return ops.relu6(x)


def softmax(x: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """`exp(x)` normalised to sum to one along `axis`."""
    return ops.softmax(x, axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`."""
    return ops.log_softmax(x, axis=axis)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere. Source: Clevert et al. (2016)."""
    return ops.elu(x, alpha=alpha)


def selu(x: Any) -> Any:
    """Scaled `elu` with self-normalising constants. Source: Klambauer et al. (2017)."""
    return ops.selu(x)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Continuously differentiable `elu`. Source: Barron (2017)."""
    return ops.celu(x, alpha=alpha)


def softplus(x: Any) -> Any:
    """`log(1 + exp(x))`."""
    return ops.softplus(x)


def softsign(x: Any) -> Any:
    """`x / (1 + |x|)`."""
    return ops.softsign(x)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` moved towards zero by `threshold`, stopping there."""
    return ops.soft_shrink(x, threshold=threshold)


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """`x` where `|x| > threshold`, zero elsewhere."""
    return ops.hard_shrink(x, threshold=threshold)


def tanh_shrink(x: Any) -> Any:
    """`x - tanh(x)`."""
    return ops.tanh_shrink(x)


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """`x` where above `threshold`, `default_value` elsewhere."""
    return ops.threshold(x, threshold, default_value)


def sparse_plus(x: Any) -> Any:
    """0 up to -1, `(x + 1) ** 2 / 4` up to 1, then `x`."""
    return ops.sparse_plus(x)


def sparse_sigmoid(x: Any) -> Any:
    """0 up to -1, `(x + 1) / 2` up to 1, then 1."""
    return ops.sparse_sigmoid(x)


def sparsemax(x: Any, axis: int = -1) -> Any:
    """The projection on the probability simplex. Source: Martins, Astudillo (2016)."""
    return ops.sparsemax(x, axis)


def silu(x: Any) -> Any:
    """`x * sigmoid(x)`, also called swish. Source: Ramachandran et al. (2017)."""
    return ops.silu(x)


def squareplus(x: Any, b: float = 4) -> Any:
    """`(x + sqrt(x ** 2 + b)) / 2`."""
    return ops.squareplus(x, b=b)


def gelu(x: Any, approximate: bool = False) -> Any:
    """`x` times the normal distribution function of `x`. Source: Hendrycks, Gimpel (2016)."""
    return ops.gelu(x, approximate=approximate)


def glu(x: Any, axis: int = -1) -> Any:
    """The first half along `axis` gated by the second. Source: Dauphin et al. (2017)."""
    return ops.glu(x, axis=axis)


def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return ops.tanh(x)


def hard_tanh(x: Any) -> Any:
    """`x` clipped to [-1, 1]."""
    return ops.hard_tanh(x)


def sigmoid(x: Any) -> Any:
    """`1 / (1 + exp(-x))`."""
    return ops.sigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of `sigmoid`."""
    return ops.log_sigmoid(x)


def hard_sigmoid(x: Any) -> Any:
    """`x / 6 + 0.5` clipped to [0, 1]."""
    return ops.hard_sigmoid(x)


def hard_silu(x: Any) -> Any:
    """`x * hard_sigmoid(x)`. Source: Howard et al. (2019)."""
    return ops.hard_silu(x)


def exponential(x: Any) -> Any:
    """`exp(x)`."""
    return ops.exp(x)


def mish(x: Any) -> Any:
    """`x * tanh(softplus(x))`. Source: Misra (2019)."""
    return apply("nn.mish", operand(x))


def linear(x: Any) -> Any:
    """`x`, unchanged."""
    return x


FUNCTIONS = (
    celu,
    elu,
    exponential,
    gelu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_shrink,
    softmax,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
