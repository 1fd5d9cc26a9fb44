"""Elementwise mathematics: `math.*`. Operands broadcast and promote as in `jax.numpy`."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from graphc.kernels.reference.promotion import inexact, strong
from graphc.kernels.reference.table import register_table
from graphc.kernels.registry import op

UNARY = {
    "negative": jnp.negative, "absolute": jnp.absolute, "abs": jnp.abs, "fabs": jnp.fabs,
    "sign": jnp.sign, "signbit": jnp.signbit, "square": jnp.square, "reciprocal": jnp.reciprocal,
    "isnan": jnp.isnan, "isinf": jnp.isinf, "isfinite": jnp.isfinite, "isneginf": jnp.isneginf,
    "isposinf": jnp.isposinf, "isreal": jnp.isreal, "logical_not": jnp.logical_not,
    "bitwise_not": jnp.invert, "real": jnp.real, "imag": jnp.imag, "conjugate": jnp.conjugate,
}  # fmt: skip

# Keras gives these floats whatever they are given; jax.numpy keeps integers in a few.
INEXACT_UNARY = {
    "exp": jnp.exp, "exp2": jnp.exp2, "expm1": jnp.expm1, "log": jnp.log, "log1p": jnp.log1p,
    "log2": jnp.log2, "log10": jnp.log10, "sqrt": jnp.sqrt, "rsqrt": lax.rsqrt, "cbrt": jnp.cbrt,
    "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan, "arcsin": jnp.arcsin, "arccos": jnp.arccos,
    "arctan": jnp.arctan, "sinh": jnp.sinh, "cosh": jnp.cosh, "tanh": jnp.tanh,
    "arcsinh": jnp.arcsinh, "arccosh": jnp.arccosh, "arctanh": jnp.arctanh, "sinc": jnp.sinc,
    "floor": jnp.floor, "ceil": jnp.ceil, "angle": jnp.angle, "i0": jnp.i0,
    "deg2rad": jnp.deg2rad, "rad2deg": jnp.rad2deg,
    "erf": lax.erf, "erfc": lax.erfc, "erfinv": lax.erf_inv,
    "lgamma": lax.lgamma, "digamma": lax.digamma,
}  # fmt: skip

BINARY = {
    "add": jnp.add, "subtract": jnp.subtract, "multiply": jnp.multiply, "divide": jnp.divide,
    "floor_divide": jnp.floor_divide, "mod": jnp.mod, "fmod": jnp.fmod, "power": jnp.power,
    "maximum": jnp.maximum, "minimum": jnp.minimum, "fmax": jnp.fmax, "fmin": jnp.fmin,
    "hypot": jnp.hypot, "heaviside": jnp.heaviside, "nextafter": jnp.nextafter,
    "gcd": jnp.gcd, "lcm": jnp.lcm, "ldexp": jnp.ldexp,
    "equal": jnp.equal, "not_equal": jnp.not_equal, "less": jnp.less,
    "less_equal": jnp.less_equal, "greater": jnp.greater, "greater_equal": jnp.greater_equal,
    "logical_and": jnp.logical_and, "logical_or": jnp.logical_or, "logical_xor": jnp.logical_xor,
    "bitwise_and": jnp.bitwise_and, "bitwise_or": jnp.bitwise_or, "bitwise_xor": jnp.bitwise_xor,
    "left_shift": jnp.left_shift, "right_shift": jnp.right_shift,
}  # fmt: skip

# Python numbers among their operands count as tensors.
STRONG_BINARY = {
    "arctan2": jnp.arctan2, "logaddexp": jnp.logaddexp, "logaddexp2": jnp.logaddexp2,
}  # fmt: skip

register_table("math", UNARY)
register_table("math", INEXACT_UNARY, convert=inexact)
register_table("math", BINARY)
register_table("math", STRONG_BINARY, convert=strong)


@op("math.trunc")
def trunc(x: ArrayLike) -> Array:
    """`x` rounded towards zero; integers and booleans are returned as they are."""
    array = jnp.asarray(x)
    return jnp.trunc(array) if jnp.issubdtype(array.dtype, jnp.inexact) else array


@op("math.round")
def round_(x: ArrayLike, *, decimals: int = 0) -> Array:
    """`x` rounded half to even at `decimals` decimal places, which may be negative."""
    array = jnp.asarray(x)
    if decimals >= 0 or not jnp.issubdtype(array.dtype, jnp.integer):
        return jnp.round(array, decimals)
    factor = 10.0**decimals
    return (jnp.round(array.astype(jnp.float32) * factor) / factor).astype(array.dtype)


@op("math.divide_no_nan")
def divide_no_nan(x: ArrayLike, y: ArrayLike) -> Array:
    """`x / y`, and 0 wherever `y` is 0; the derivative is finite there too."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    safe = jnp.where(y == 0, 1, y)
    return jnp.where(y == 0, 0, jnp.divide(x, safe))


@op("math.where")
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """Elements of `x` where `condition` is true, of `y` elsewhere; the three broadcast."""
    return jnp.where(condition, x, y)


@op("math.clip")
def clip(x: ArrayLike, low: ArrayLike | None, high: ArrayLike | None) -> Array:
    """`x` limited to `[low, high]`; None leaves that side open. Booleans become int32."""
    array = jnp.asarray(x)
    if array.dtype == jnp.bool_:
        array = array.astype(jnp.int32)
    return jnp.clip(array, low, high)


@op("math.nan_to_num")
def nan_to_num(
    x: ArrayLike, *, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Array:
    """`x` with NaN and the infinities replaced; None means the largest finite value."""
    return jnp.nan_to_num(jnp.asarray(x), nan=nan, posinf=posinf, neginf=neginf)


@op("math.isclose")
def isclose(
    x: ArrayLike, y: ArrayLike, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> Array:
    """Whether `|x - y| <= atol + rtol * |y|`, elementwise."""
    return jnp.isclose(x, y, rtol, atol, equal_nan)


@op("math.polygamma")
def polygamma(n: ArrayLike, x: ArrayLike) -> Array:
    """The `n`-th derivative of digamma at `x`."""
    return jax.scipy.special.polygamma(n, x)


@op("math.complex")
def complex_(real: ArrayLike, imag: ArrayLike) -> Array:
    """The complex numbers with these real and imaginary parts."""
    return lax.complex(inexact(real), inexact(imag))
