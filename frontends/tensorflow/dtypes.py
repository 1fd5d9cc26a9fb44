"""TensorFlow's dtype names: strings, which is what Keras and the compiler want."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np


class DType(str):
    """A dtype's name, with the attributes that TensorFlow's dtypes have."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name: `tf.float32.name` is "float32"."""
        return str(self)

    @property
    def as_numpy_dtype(self) -> type[np.generic]:
        """The NumPy scalar type of the same name."""
        return np.object_ if self == "string" else np.dtype(str(self)).type

    @property
    def is_floating(self) -> bool:  # pyright: ignore[reportInvalidTypeForm] (`bool` below)
        """Whether it is a floating-point dtype."""
        return "float" in self

    @property
    def is_integer(self) -> bool:  # pyright: ignore[reportInvalidTypeForm]
        """Whether it is an integer dtype."""
        return "int" in self

    @property
    def max(self) -> float:
        """The largest number."""
        return jnp.iinfo(self).max if self.is_integer else float(jnp.finfo(self).max)

    @property
    def min(self) -> float:
        """The smallest number."""
        return jnp.iinfo(self).min if self.is_integer else float(jnp.finfo(self).min)


def as_dtype(type_value: object) -> DType:
    """Return the dtype that a name, a type of NumPy or of Python, or a dtype stands for.

    Raises:
        TypeError: there is no such dtype.
    """
    if isinstance(type_value, DType):
        return type_value
    if type_value in (str, bytes, "string", object):
        return string
    python = {float: "float32", int: "int32"}
    return DType(python.get(type_value) or str(jnp.dtype(type_value)))  # type: ignore[arg-type]


bfloat16 = DType("bfloat16")
bool = DType("bool")
complex64 = DType("complex64")
float16 = DType("float16")
float32 = DType("float32")
float64 = DType("float64")
int8 = DType("int8")
int16 = DType("int16")
int32 = DType("int32")
int64 = DType("int64")
string = DType("string")
uint8 = DType("uint8")
uint16 = DType("uint16")
uint32 = DType("uint32")
uint64 = DType("uint64")
