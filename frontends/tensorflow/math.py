"""`tf.math` and its copies at the top of `tf`: `keras.ops` under TensorFlow's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from graphc.keras import ops
from graphc.keras.activations import log_softmax, softmax, softsign
from graphc.tensorflow.absent import absent
from graphc.tensorflow.naming import binary, reduction, renamed

# Of one tensor `x`
abs = renamed(ops.absolute)
acos = renamed(ops.arccos)
acosh = renamed(ops.arccosh)
angle = renamed(ops.angle, input="x")
asin = renamed(ops.arcsin)
asinh = renamed(ops.arcsinh)
atan = renamed(ops.arctan)
atanh = renamed(ops.arctanh)
ceil = renamed(ops.ceil)
conj = renamed(ops.conj)
cos = renamed(ops.cos)
cosh = renamed(ops.cosh)
erf = renamed(ops.erf)
erfc = renamed(ops.erfc)
erfinv = renamed(ops.erfinv)
exp = renamed(ops.exp)
expm1 = renamed(ops.expm1)
floor = renamed(ops.floor)
imag = renamed(ops.imag, input="x")
is_finite = renamed(ops.isfinite)
is_inf = renamed(ops.isinf)
is_nan = renamed(ops.isnan)
log = renamed(ops.log)
log1p = renamed(ops.log1p)
log_sigmoid = renamed(ops.log_sigmoid)
logical_not = renamed(ops.logical_not)
negative = renamed(ops.negative)
real = renamed(ops.real, input="x")
reciprocal = renamed(ops.reciprocal)
rint = renamed(ops.round)
round = renamed(ops.round)
rsqrt = renamed(ops.rsqrt)
sigmoid = renamed(ops.sigmoid)
sign = renamed(ops.sign)
sin = renamed(ops.sin)
sinh = renamed(ops.sinh)
softplus = renamed(ops.softplus, features="x")
sqrt = renamed(ops.sqrt)
square = renamed(ops.square)
tan = renamed(ops.tan)
tanh = renamed(ops.tanh)

# Of two tensors `x` and `y`
add = binary(ops.add)
atan2 = renamed(ops.arctan2, y="x1", x="x2")
divide = binary(ops.divide)
divide_no_nan = binary(ops.divide_no_nan)
equal = binary(ops.equal)
floordiv = binary(ops.floor_divide)
floormod = mod = binary(ops.mod)
greater = binary(ops.greater)
greater_equal = binary(ops.greater_equal)
less = binary(ops.less)
less_equal = binary(ops.less_equal)
logical_and = binary(ops.logical_and)
logical_or = binary(ops.logical_or)
logical_xor = binary(ops.logical_xor)
maximum = binary(ops.maximum)
minimum = binary(ops.minimum)
multiply = binary(ops.multiply)
not_equal = binary(ops.not_equal)
pow = binary(ops.power)
subtract = binary(ops.subtract)
truediv = binary(ops.divide)

# Along axes
count_nonzero = renamed(ops.count_nonzero, input="x")
reduce_all = reduction(ops.all)
reduce_any = reduction(ops.any)
reduce_logsumexp = reduction(ops.logsumexp)
reduce_max = reduction(ops.max)
reduce_mean = reduction(ops.mean)
reduce_min = reduction(ops.min)
reduce_prod = reduction(ops.prod)
reduce_std = reduction(ops.std)
reduce_sum = reduction(ops.sum)
reduce_variance = reduction(ops.var)

# Of rows
in_top_k = renamed(ops.in_top_k)
segment_max = renamed(ops.segment_max)
segment_min = renamed(ops.segment_min)
segment_sum = renamed(ops.segment_sum)
unsorted_segment_max = renamed(ops.segment_max)
unsorted_segment_sum = renamed(ops.segment_sum)


class TopK(NamedTuple):
    """The largest elements of each row, and where they are."""

    values: Any
    indices: Any


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> TopK:
    """Return the `k` largest elements along the last axis, and their indices: both [..., k]."""
    return TopK(*ops.top_k(input, k, sorted=sorted))


def argmax(input: Any, axis: int | None = None, output_type: Any = None, name: Any = None) -> Any:
    """Return the index of the largest element along `axis`; along the first where None."""
    found = ops.argmax(input, axis=axis or 0)
    return found if output_type is None else ops.cast(found, output_type)


def argmin(input: Any, axis: int | None = None, output_type: Any = None, name: Any = None) -> Any:
    """Return the index of the smallest element along `axis`; along the first where None."""
    found = ops.argmin(input, axis=axis or 0)
    return found if output_type is None else ops.cast(found, output_type)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """Return (x - y)²."""
    return ops.square(ops.subtract(x, y))


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """Return the root of the sum of squares."""
    return ops.sqrt(ops.sum(ops.square(input_tensor), axis=axis, keepdims=keepdims))


def add_n(inputs: Sequence[Any], name: str | None = None) -> Any:
    """Return the sum of tensors of one shape.

    Raises:
        ValueError: there are none.
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ValueError(f"Expected a list of tensors. Received: inputs={inputs!r}")
    total = inputs[0]
    for one in inputs[1:]:
        total = ops.add(total, one)
    return total


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """Return a tensor times a number."""
    return ops.multiply(scalar, x)


def cumsum(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Return the sums of all elements up to each along an axis.

    Args:
        x: a tensor.
        axis: the axis.
        exclusive: whether to leave out the element itself.
        reverse: whether to begin at the end.
        name: no effect.
    """
    found = ops.cumsum(ops.flip(x, axis=axis) if reverse else x, axis=axis)
    found = ops.flip(found, axis=axis) if reverse else found
    return ops.subtract(found, x) if exclusive else found


def cumprod(x: Any, axis: int = 0, reverse: bool = False, name: str | None = None) -> Any:
    """Return the products of all elements up to each along an axis; from the end if `reverse`."""
    found = ops.cumprod(ops.flip(x, axis=axis) if reverse else x, axis=axis)
    return ops.flip(found, axis=axis) if reverse else found


def bincount(
    arr: Any, weights: Any = None, minlength: int | None = None, name: str | None = None
) -> Any:
    """Return how often each integer from 0 on is there, or the sum of its weights."""
    return ops.bincount(arr, weights=weights, minlength=minlength or 0)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: int | None = None,
    weights: Any = None,
    dtype: Any = "int32",
    name: str | None = None,
) -> Any:
    """Return how often each class (rows) was taken for each other (columns): [C, C]."""
    labels, predictions = ops.convert_to_tensor(labels), ops.convert_to_tensor(predictions)
    if num_classes is None:
        num_classes = int(max(ops.max(labels), ops.max(predictions))) + 1
    shape = (num_classes, num_classes)
    updates = ops.ones_like(labels) if weights is None else ops.convert_to_tensor(weights)
    indices = ops.stack([labels, predictions], axis=-1)
    return ops.cast(ops.scatter(indices, updates, shape), dtype)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """Return `x` by its Euclidean norm along `axis` (over all where None), at least √epsilon."""
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


__getattr__ = absent("tensorflow.math", globals())
