"""What counts as a tensor here: arrays of JAX, arrays of NumPy that dataset elements are, symbols.

Scripts call `.numpy()` on all of them: on losses, on what a model returned, on the elements of a
dataset. Symbols and variables have that method; `NumpyTensor` has it; and JAX's arrays, which are
what every function returns, are given it below, once, when this package is imported.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from graphc.keras.engine.dispatch import apply
from graphc.keras.engine.scope import current_trace
from graphc.keras.engine.tensor import BINARY, COMPARISONS, UNARY, KerasTensor, Symbol, encode_index
from graphc.keras.engine.variable import Variable
from graphc.keras.ops import convert_to_tensor as _convert
from graphc.tensorflow.dtypes import DType

TEXT = "OSU"  # the kinds of NumPy's dtypes that hold strings
PYTHON = {bool: np.bool_, int: np.int32, float: np.float32}  # what TensorFlow makes of them


class _AnyTensor(type):
    """Lets `isinstance(x, tf.Tensor)` be true of every tensor, whichever class it is of."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, (jax.Array, NumpyTensor, Symbol, KerasTensor))


class Tensor(metaclass=_AnyTensor):
    """The type of tensors, for annotations and `isinstance`; `tf.constant` and its like make them.

    Raises:
        TypeError: when called.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("tf.Tensor is not called: tf.constant and tf.convert_to_tensor make them.")


class NumpyTensor(np.ndarray):
    """A tensor in the host's memory: an array of NumPy with TensorFlow's `numpy()`.

    Numbers of any dtype, and strings. Its operators belong to a trace where a tape watches it, and
    make another tensor where they assign (`x /= 255`): this one may be a view of a user's data.
    """

    def numpy(self) -> Any:
        """Return the array, or the only number; strings as bytes, as in TensorFlow."""
        return plain(self)

    def __getitem__(self, key: Any) -> Any:
        if _is_watched((self,)):
            index, arrays = encode_index(key)
            return apply("shape.getitem", self, *arrays, index=index)
        found = super().__getitem__(key)
        return found if isinstance(found, np.ndarray) else np.asarray(found).view(NumpyTensor)


def _is_watched(operands: tuple[Any, ...]) -> bool:
    trace = current_trace()
    return trace is not None and trace.takes(operands)


def _operator(method: str, op: str, *, reflected: bool = False) -> Any:
    usual = getattr(np.ndarray, method)

    def operator(self: NumpyTensor, *others: Any) -> Any:
        operands = (*others, self) if reflected else (self, *others)
        return apply(op, *operands) if _is_watched(operands) else usual(self, *others)

    return operator


for _name, _op in (*BINARY.items(), *COMPARISONS.items(), *UNARY.items()):
    setattr(NumpyTensor, f"__{_name}__", _operator(f"__{_name}__", _op))
for _name, _op in BINARY.items():
    _reflected = _operator(f"__r{_name}__", _op, reflected=True)
    setattr(NumpyTensor, f"__r{_name}__", _reflected)
    setattr(NumpyTensor, f"__i{_name}__", getattr(NumpyTensor, f"__{_name}__"))


def plain(value: Any) -> Any:
    """Return a copy of a tensor as NumPy has it: a scalar where there are no dimensions.

    Strings become bytes, which is what TensorFlow's are.
    """
    array = np.array(value)
    if array.dtype.kind in TEXT:
        encoded = [one.encode() if isinstance(one, str) else one for one in array.ravel().tolist()]
        found = np.empty(len(encoded), object)
        found[:] = encoded
        array = found.reshape(array.shape)
    return array[()]


def as_array(value: Any) -> Any:
    """Return a leaf of an element as an array of NumPy, or of JAX where it is one.

    Python's numbers and lists of them become int32 and float32, as in TensorFlow.
    """
    if isinstance(value, (np.ndarray, jax.Array)):
        return value
    if isinstance(value, (Symbol, Variable)):
        return np.asarray(value)
    if type(value) in PYTHON:
        return np.asarray(value, PYTHON[type(value)])
    if hasattr(value, "dtype") or hasattr(value, "to_numpy"):
        return np.asarray(value)
    array = np.asarray(value)
    narrow = {"f": np.float32, "i": np.int32}.get(array.dtype.kind)
    return array if narrow is None or _is_numpy(value) else array.astype(narrow)


def _is_numpy(value: Any) -> bool:
    """Return whether a list holds arrays or scalars of NumPy, whose dtype counts."""
    while isinstance(value, (list, tuple)) and len(value):
        value = value[0]
    return hasattr(value, "dtype")


def tensor(value: Any) -> Any:
    """Return an array of NumPy as a tensor, which cannot be changed; what is a tensor, as it is."""
    if type(value) is not np.ndarray:
        return value
    found = value.view(NumpyTensor)
    found.flags.writeable = False
    return found


def as_tensor(value: Any, dtype: Any = None) -> Any:
    """Return a tensor of `value`, in `dtype` if given; what is a tensor of it already, as it is."""
    if isinstance(value, Variable):
        value = value.value
    if isinstance(value, (Symbol, KerasTensor, jax.Array)):
        return _convert(value, dtype=dtype)
    array = as_array(value)
    if dtype is None or array.dtype.kind in TEXT:
        return tensor(array)
    return tensor(np.asarray(array, np.dtype(str(dtype))))


def on_host(value: Any) -> Any:
    """Return what a function that makes tensors made, as a tensor whose operators tapes see."""
    return tensor(np.asarray(value)) if isinstance(value, jax.Array) else value


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor or a variable."""
    return isinstance(x, (Tensor, Variable))


def dtype_of(array: Any) -> DType:
    """Return the dtype's name: "string" for all that holds strings."""
    return DType("string" if array.dtype.kind in TEXT else str(array.dtype))


# A method that JAX's arrays lack: without it `model(x).numpy()` would need a wrapper around every
# function of Keras.
jax.Array.numpy = plain  # type: ignore[attr-defined]
