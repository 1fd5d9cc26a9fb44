"""`Variable`: a named view of an array that a shelf owns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import numpy as np
from jax.core import eval_context

from graphc.keras.engine.allowance import claim
from graphc.keras.engine.name_scope import path_of
from graphc.keras.engine.scope import current_scope, entered
from graphc.keras.engine.settings import auto_name, is_float_dtype, standardize_dtype
from graphc.keras.engine.tensor import Symbol, TensorOperators
from graphc.keras.engine.version import structural_change
from graphc.runtime.device import put_copy
from graphc.runtime.store import Shelf

_AUTOCAST: ContextVar[str | None] = ContextVar("graphc_autocast", default=None)
AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")


@contextmanager
def autocast(dtype: str | None) -> Iterator[None]:
    """Let float variables read as `dtype` inside (the compute dtype of a layer)."""
    token = _AUTOCAST.set(dtype)
    try:
        yield
    finally:
        _AUTOCAST.reset(token)


class Variable(TensorOperators):
    """A tensor that persists: Keras 3's `Variable`.

    Args:
        initializer: a callable (shape, dtype) -> array, its name, or the initial value.
        shape: needed when the initializer is a callable.
        dtype: floatx, or the initial value's dtype, when not given.
        trainable: whether `fit` updates it by its gradient.
        autocast: whether a layer's compute dtype applies to it.
        layout: how it lies over several devices; kept for whoever places it.

    Raises:
        ValueError: no shape for a callable, or an unknown aggregation.
    """

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        layout: Any = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `aggregation`. Expected one of {AGGREGATIONS}. "
                f"Received: aggregation={aggregation}"
            )
        self.name = name or auto_name("variable")
        self.path = path_of(self.name)
        self.born_trainable = trainable  # freezing changes `trainable`, never this
        self._trainable, self.autocast, self.aggregation = trainable, autocast, aggregation
        self.synchronization, self.layout = synchronization, layout
        self.overwrite_with_gradient = False
        self.regularizer: Any = None
        self.constraint: Any = None
        if shape is not None and callable(initializer):
            claim(self.path, shape, np.dtype(standardize_dtype(dtype)).itemsize)
        value = _initial_value(initializer, shape, dtype)
        self.shape: tuple[int, ...] = tuple(value.shape)
        self.dtype = standardize_dtype(value.dtype)
        self.home: tuple[Shelf, int] = (Shelf([value]), 0)

    @property
    def trainable(self) -> bool:
        """Whether `fit` updates it."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        structural_change()

    @property
    def stored(self) -> Any:
        """The array itself, whatever is being traced."""
        shelf, place = self.home
        return shelf.read(place)

    @property
    def value(self) -> Any:
        """The current value: always up to date, a symbol inside a trace."""
        scope = current_scope()
        value = self.stored if scope is None else scope.read(self)
        dtype = _AUTOCAST.get()
        if (
            dtype is None
            or not self.autocast
            or dtype == self.dtype
            or not is_float_dtype(self.dtype)
        ):
            return value
        return value.astype(dtype)

    def assign(self, value: Any) -> Any:
        """Set the value.

        Raises:
            ValueError: another shape than the variable's.
        """
        fresh = not isinstance(value, (Symbol, Variable, jax.Array))  # conforming makes a copy
        value = self._conform(value)
        scope = current_scope()
        if scope is not None:
            scope.write(self, value)
            return value
        shelf, place = self.home
        shelf.write(place, value, lent=not fresh)
        return value

    def assign_add(self, value: Any) -> Any:
        """Add to the value."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Any:
        """Subtract from the value."""
        return self.assign(self - value)

    def numpy(self) -> np.ndarray:
        """Return a copy of the value as a NumPy array, the caller's to change."""
        return np.array(self.value)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def _conform(self, value: Any) -> Any:
        value = value.value if isinstance(value, Variable) else value
        if not isinstance(value, (Symbol, jax.Array)):
            value = np.asarray(value)
        if isinstance(value, Symbol) and current_scope() is None:  # of a trace that is over
            value = np.asarray(value)
        if tuple(value.shape) != self.shape:
            raise ValueError(
                f"The shape of the target variable and the shape of the assigned value do not "
                f"match. Expected: variable.shape={self.shape} ({self.path}). "
                f"Received: value.shape={tuple(value.shape)}"
            )
        if isinstance(value, np.ndarray):
            return put_copy(value, self.dtype)
        return value if str(value.dtype) == self.dtype else value.astype(self.dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    @property
    def __jax_array__(self) -> Any:
        """How JAX takes a variable; absent in a trace, so that `jax_array * variable` is ours."""
        value = self.value
        if isinstance(value, Symbol):
            raise AttributeError("__jax_array__")
        return lambda: value

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return self.shape[0]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "home": np.array(self.stored)}  # the shelf holds others' arrays, too

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, home=(Shelf([put_copy(state["home"])]), 0))

    def __repr__(self) -> str:
        head = f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}"
        if current_scope() is not None:
            return f"{head}>"
        return f"{head}, value={np.asarray(self.home[0].arrays[self.home[1]])}>"


def _initial_value(initializer: Any, shape: Any, dtype: Any) -> jax.Array:
    """Return the initial array, computed now even when a trace is under way."""
    if isinstance(initializer, str):
        initializer = INITIALIZERS[0](initializer)
    if not callable(initializer):
        value = initializer.value if isinstance(initializer, Variable) else initializer
        array = value if isinstance(value, jax.Array) else np.asarray(value)
        given = array.dtype if dtype is None else dtype
        name = standardize_dtype(None if dtype is None and _is_double(array) else given)
        return put_copy(array, name)
    if shape is None:
        raise ValueError(
            "When creating a Variable from an initializer, the `shape` argument is needed. "
            f"Received: initializer={initializer} and shape={shape}"
        )
    shape, dtype = tuple(int(size) for size in shape), standardize_dtype(dtype)
    with entered(None), autocast(None), eval_context():
        return put_copy(initializer(shape, dtype=dtype), dtype)


def _is_double(array: Any) -> bool:
    return array.dtype == np.float64


INITIALIZERS: list[Any] = []  # [initializers.get]: set by that package, which needs Variable
