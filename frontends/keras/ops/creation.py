"""The functions of `keras.ops` that make tensors from shapes and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.settings import floatx, is_int_dtype
from graphc.keras.ops.core import cast, convert_to_tensor
from graphc.keras.ops.core import dtype as dtype_of
from graphc.keras.ops.uniform import attribute, canonical_dtype, operand, uniform

LINE = "start, stop; num=50, endpoint=True, dtype=None, axis=0"

geomspace = uniform("shape.geomspace", LINE)
full_like = uniform("shape.full_like", "x, fill_value; dtype=None")


def array(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor, in `dtype` if given."""
    return convert_to_tensor(x, dtype=dtype)


def zeros(shape: Sequence[int] | int, dtype: Any = None) -> Any:
    """Return zeros; `dtype` defaults to floatx."""
    return full(shape, 0, dtype)


def ones(shape: Sequence[int] | int, dtype: Any = None) -> Any:
    """Return ones; `dtype` defaults to floatx."""
    return full(shape, 1, dtype)


def empty(shape: Sequence[int] | int, dtype: Any = None) -> Any:
    """Return a tensor of any content (zeros); `dtype` defaults to floatx."""
    return full(shape, 0, dtype)


def full(shape: Sequence[int] | int, fill_value: Any, dtype: Any = None) -> Any:
    """Return a tensor filled with a number, or with a tensor that broadcasts to the shape."""
    sizes = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    sizes = attribute("shape", sizes)
    dtype = canonical_dtype(dtype or floatx())
    if isinstance(fill_value, (bool, int, float)):
        return apply("shape.full", shape=sizes, value=fill_value, dtype=dtype)
    return apply("shape.broadcast_to", cast(fill_value, dtype), shape=sizes)


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Return zeros shaped like `x`, in its dtype unless given."""
    return full_like(x, 0, dtype=dtype)


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Return ones shaped like `x`, in its dtype unless given."""
    return full_like(x, 1, dtype=dtype)


def empty_like(x: Any, dtype: Any = None) -> Any:
    """Return a tensor of any content (zeros) shaped like `x`."""
    return full_like(x, 0, dtype=dtype)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return the numbers from `start` (0 if `stop` is None) up to but excluding `stop`.

    `dtype` defaults to int32, or to floatx where one of the three is a float.
    """
    start, stop, step = (_number(value) for value in (start, stop, step))
    if dtype is None:
        floats = any(isinstance(value, float) for value in (start, stop, step))
        dtype = floatx() if floats else "int32"
    return apply("shape.arange", start=start, stop=stop, step=step, dtype=canonical_dtype(dtype))


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `num` evenly spaced numbers, and with `retstep` also the step between them."""
    dtype = None if dtype is None else canonical_dtype(dtype)
    start, stop = operand(start), operand(stop)
    line = apply("shape.linspace", start, stop, num=num, endpoint=endpoint, dtype=dtype, axis=axis)
    if not retstep:
        return line
    return line, (convert_to_tensor(stop) - start) / (num - 1 if endpoint else num)


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: float = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `num` numbers from `base**start` to `base**stop`, evenly spaced in the exponent."""
    return apply(
        "shape.logspace",
        operand(start),
        operand(stop),
        num=num,
        endpoint=endpoint,
        base=base,
        dtype=None if dtype is None else canonical_dtype(dtype),
        axis=axis,
    )


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return an [N, M] matrix with ones on its `k`-th diagonal; `dtype` defaults to floatx."""
    return apply("shape.eye", n=N, m=M, k=k, dtype=canonical_dtype(dtype or floatx()))


def identity(n: int, dtype: Any = None) -> Any:
    """Return the [n, n] identity matrix; `dtype` defaults to floatx."""
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = None) -> Any:
    """Return an [N, M] matrix with ones on and below its `k`-th diagonal."""
    return apply("shape.tri", n=N, m=M, k=k, dtype=canonical_dtype(dtype or floatx()))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the Vandermonde matrix [n, N] of powers of `x` [n]."""
    return apply("shape.vander", operand(x), n=N, increasing=increasing)


def bartlett(x: int) -> Any:
    """Return the Bartlett window of length `x`."""
    return apply("shape.bartlett", length=int(x))


def blackman(x: int) -> Any:
    """Return the Blackman window of length `x`."""
    return apply("shape.blackman", length=int(x))


def hamming(x: int) -> Any:
    """Return the Hamming window of length `x`."""
    return apply("shape.hamming", length=int(x))


def hanning(x: int) -> Any:
    """Return the Hann window of length `x`."""
    return apply("shape.hanning", length=int(x))


def kaiser(x: int, beta: float) -> Any:
    """Return the Kaiser window of length `x` with shape parameter `beta`."""
    return apply("shape.kaiser", operand(beta), length=int(x))


def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Any:
    """Return a new axis with 1 at index `x` and 0 elsewhere; `dtype` defaults to floatx."""
    return _hot("shape.one_hot", operand(x), num_classes, axis, dtype, sparse)


def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Any:
    """Return 1 at every class that occurs in a sample: [N] to [C], [B, N] to [B, C]."""
    num_classes = kwargs.pop("num_tokens", num_classes)
    if num_classes is None or kwargs:
        raise ValueError(
            "Expected `num_classes` to be an integer and no unknown arguments. "
            f"Received: num_classes={num_classes}, {kwargs}"
        )
    labels = inputs if is_int_dtype(dtype_of(inputs)) else cast(inputs, "int32")
    return _hot("shape.multi_hot", operand(labels), num_classes, axis, dtype, sparse)


def _hot(op: str, x: Any, num_classes: int, axis: int, dtype: Any, sparse: bool) -> Any:
    if sparse:
        raise ValueError("Sparse tensors are not supported. Expected sparse=False. Received: True")
    dtype = canonical_dtype(dtype or floatx())
    return apply(op, x, num_classes=int(num_classes), axis=axis, dtype=dtype)


def _number(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray, jax.Array)):
        return value.item()
    return value
