"""TensorFlow's dtype names: strings, which is what Keras and the compiler want."""

from __future__ import annotations

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
        return np.dtype(str(self)).type


bfloat16 = DType("bfloat16")
bool = DType("bool")
float16 = DType("float16")
float32 = DType("float32")
float64 = DType("float64")
int8 = DType("int8")
int16 = DType("int16")
int32 = DType("int32")
int64 = DType("int64")
uint8 = DType("uint8")
uint16 = DType("uint16")
uint32 = DType("uint32")
