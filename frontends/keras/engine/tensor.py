"""The two symbolic tensors: `KerasTensor` (a record of calls) and `Symbol` (a value in a graph)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import SymbolConversionError
from graphc.ir import Value
from graphc.keras.engine.settings import auto_name, standardize_dtype


class Dispatcher:
    """The late-bound dispatch function: operators need it and it needs the tensor classes."""

    apply: Callable[..., Any]


def _binary(op: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return Dispatcher.apply(op, self, _operand(other))

    return method


def _reflected(op: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return Dispatcher.apply(op, _operand(other), self)

    return method


def _unary(op: str) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        return Dispatcher.apply(op, self)

    return method


def _operand(other: Any) -> Any:
    return np.asarray(other) if isinstance(other, (list, tuple)) else other


BINARY = {
    "add": "math.add", "sub": "math.subtract", "mul": "math.multiply",
    "truediv": "math.divide", "floordiv": "math.floor_divide", "mod": "math.mod",
    "pow": "math.power", "matmul": "linalg.matmul", "and": "math.logical_and",
    "or": "math.logical_or", "xor": "math.logical_xor",
}  # fmt: skip
COMPARISONS = {
    "lt": "math.less", "le": "math.less_equal", "gt": "math.greater", "ge": "math.greater_equal",
    "eq": "math.equal", "ne": "math.not_equal",
}  # fmt: skip
UNARY = {"neg": "math.negative", "abs": "math.abs", "invert": "math.logical_not"}


class TensorOperators:
    """Python's operators as ops, for every tensor-like of the frontend."""

    __array_priority__ = 1000  # NumPy arrays defer to our reflected operators

    def __getitem__(self, key: Any) -> Any:
        index, arrays = encode_index(key)
        return Dispatcher.apply("shape.getitem", self, *arrays, index=index)

    def __round__(self, ndigits: int = 0) -> Any:
        return Dispatcher.apply("math.round", self, decimals=ndigits)


for _name, _op in BINARY.items():
    setattr(TensorOperators, f"__{_name}__", _binary(_op))
    setattr(TensorOperators, f"__r{_name}__", _reflected(_op))
for _name, _op in COMPARISONS.items():
    setattr(TensorOperators, f"__{_name}__", _binary(_op))
for _name, _op in UNARY.items():
    setattr(TensorOperators, f"__{_name}__", _unary(_op))
TensorOperators.__hash__ = object.__hash__  # comparisons are elementwise; tensors hash by identity


def encode_index(key: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """Return a NumPy index as a hashable attribute and the tensors it holds."""
    arrays: list[Any] = []

    def encode(item: Any) -> Any:
        if isinstance(item, slice):
            return ("slice", *map(_bound, (item.start, item.stop, item.step)))
        if item is None or item is Ellipsis or isinstance(item, (int, np.integer)):
            return int(item) if isinstance(item, np.integer) else item
        arrays.append(np.asarray(item) if isinstance(item, (list, bool)) else item)
        return ("array", len(arrays) - 1)

    items = key if isinstance(key, tuple) else (key,)
    return tuple(encode(item) for item in items), arrays


def _bound(value: Any) -> int | None:
    return None if value is None else operator.index(value)


class KerasTensor(TensorOperators):
    """The record of a call: shape (None where unknown), dtype, and where it came from."""

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.shape = tuple(None if size is None else int(size) for size in shape)
        self.dtype = standardize_dtype(dtype)
        self.sparse, self.ragged = sparse, ragged
        self.name = name or auto_name("keras_tensor")
        self.record_history = record_history
        self._keras_history: Any = None
        self._keras_mask: Any = None

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def reshape(self, newshape: Any) -> Any:
        """Return this tensor in another shape."""
        return Dispatcher.apply("shape.reshape", self, newshape=tuple(newshape))

    def squeeze(self, axis: Any = None) -> Any:
        """Return this tensor without its dimensions of size one."""
        return Dispatcher.apply("shape.squeeze", self, axis=axis)

    def __repr__(self) -> str:
        ragged = ", ragged=True" if self.ragged else ""
        return (
            f"<KerasTensor shape={self.shape}, dtype={self.dtype}, sparse={self.sparse}{ragged}, "
            f"name={self.name}>"
        )

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise ValueError(
            "A KerasTensor is symbolic: it has a shape and a dtype and no numbers, so it can be "
            "used only in Keras layers and `keras.ops`, not in NumPy, jax.numpy, `float()`, "
            "`if` or `for`. To use such code inside a functional model, put it in the `call` of a "
            f"Layer subclass. Received: {self!r}"
        )

    __array__ = __jax_array__ = __iter__ = __bool__ = __float__ = __int__ = _refuse


class Symbol(TensorOperators):
    """A value of the graph that is being traced; its shape is concrete."""

    __slots__ = ("_keras_mask", "value")

    def __init__(self, value: Value) -> None:
        self.value = value
        self._keras_mask: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Concrete shape."""
        return self.value.spec.shape

    @property
    def dtype(self) -> str:
        """Dtype name."""
        return self.value.spec.dtype

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.value.spec.ndim

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Any:
        return (self[index] for index in range(self.shape[0]))

    def __repr__(self) -> str:
        return f"<Symbol {self.value.spec} of {self.value.node.op}>"

    def reshape(self, *newshape: Any) -> Any:
        """Return this tensor in another shape."""
        shape = newshape[0] if len(newshape) == 1 and not isinstance(newshape[0], int) else newshape
        return Dispatcher.apply("shape.reshape", self, newshape=tuple(shape))

    def astype(self, dtype: Any) -> Any:
        """Return this tensor in another dtype."""
        return Dispatcher.apply("core.cast", self, dtype=standardize_dtype(dtype))

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise SymbolConversionError(
            f"This code runs while a graph is being traced and needs numbers where there is only "
            f"a symbol. Expected keras.ops or layers. Received: {self!r}"
        )

    # No `__jax_array__`: without it `jax_array + symbol` comes to our reflected operators.
    __array__ = __bool__ = __float__ = __int__ = __index__ = _refuse
