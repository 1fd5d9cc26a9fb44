"""Traces outside of any step: what a tape or a `tf.function` computes, run when it is looked at.

Symbols of such a trace know their scope. Asking one for its numbers compiles everything that is
still in use into one program, runs it, and sets the variables that were written meanwhile. The next
round of the user's loop makes an equal graph and finds the program made.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np

from graphc.ir import INPUT_OPS, Graph, Value, fingerprint
from graphc.keras.engine.scope import TraceScope, current_trace, entered
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import Symbol
from graphc.lower import default_target, lower, plan
from graphc.pipeline import Pipeline
from graphc.programs import PROGRAMS
from graphc.runtime.store import Shelf
from graphc.spec import TensorSpec


class LazySymbol(Symbol):
    """A symbol that becomes numbers when it is asked for them."""

    __slots__ = ("_array", "_scope", "_scope_known")

    def __init__(self, value: Value, scope: LazyScope) -> None:
        super().__init__(value)
        self._array: jax.Array | None = None
        # Once the numbers are there, a symbol that is kept must not keep all that they came from.
        self._scope: LazyScope | None = scope
        self._scope_known = weakref.ref(scope)
        scope.live.append(weakref.ref(self))

    @property
    def scope(self) -> LazyScope | None:
        """The trace that it belongs to, while that is still there."""
        return self._scope or self._scope_known()

    def numpy(self) -> np.ndarray:
        """Return the numbers."""
        return np.array(self.array())

    def array(self) -> jax.Array:
        """Return the numbers as a JAX array."""
        if self._array is None:
            assert self._scope is not None
            self._array = self._scope.array_of(self.value)
            self._scope = None
        return self._array

    def item(self) -> Any:
        """Return the only number."""
        return self.array().item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.array(), dtype=dtype)

    def __float__(self) -> float:
        return float(self.array())

    def __int__(self) -> int:
        return int(self.array())

    def __bool__(self) -> bool:
        return bool(self.array())

    def __index__(self) -> int:
        return self.array().__index__()

    def __format__(self, how: str) -> str:
        return format(self.array(), how)

    def __repr__(self) -> str:
        return f"<tensor shape={self.shape}, dtype={self.dtype}, value={self.array()}>"


class LazyScope(TraceScope):
    """A trace whose inputs are the arrays that it meets, and whose state is set when it is run."""

    def __init__(self) -> None:
        self.live: list[weakref.ref[LazySymbol]] = []
        self._arrays: list[Any] = []  # of the inputs, in order
        self._known: dict[int, Symbol] = {}  # the inputs by the identity of their arrays
        self._watched: set[int] = set()
        self._before: list[Any] = []  # the state before the trace, in order
        self._pending: dict[int, tuple[Any, Any]] = {}  # variables to set, and their homes
        self._found: dict[Value, jax.Array] = {}
        super().__init__()

    def takes(self, tensors: Sequence[Any]) -> bool:
        """Return whether an op on these belongs to the trace."""
        return any(isinstance(t, Symbol) or id(t) in self._watched for t in tensors)

    def watch(self, array: Any) -> None:
        """Let ops on an array be part of the trace."""
        self._watched.add(id(array))
        self._lifted(array)

    def known(self, tensor: Any) -> Symbol | None:
        """Return what stands for a tensor in this graph, if anything does."""
        found = self._known.get(id(tensor))
        return super().known(tensor) if found is None else found

    def emit(self, op: str, tensors: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Emit one op; arrays are inputs, not constants: the next round brings others."""
        return super().emit(op, [self._lifted(tensor) for tensor in tensors], attrs)

    def as_value(self, tensor: Any) -> Value:
        """Return a tensor's value in this graph."""
        return super().as_value(self._lifted(tensor))

    def write(self, variable: Any, value: Any) -> None:
        """Let later reads see `value`, here and, once it is computed, everywhere."""
        if id(variable) not in self._first:
            self.read(variable)
        super().write(variable, value)
        if value is not self._first[id(variable)] and id(variable) not in self._pending:
            shelf, place = variable.home
            self._pending[id(variable)] = (variable, (shelf, place))
            variable.home = (PendingShelf(self, shelf), place)

    def array_of(self, value: Value) -> jax.Array:
        """Return a value's numbers, running the trace when they are not there yet."""
        if value not in self._found:
            self.run((value,))
        return self._found[value]

    def run(self, wanted: Sequence[Value] = ()) -> None:
        """Compute all that is in use, and set the variables that were written."""
        symbols = [symbol for ref in self.live if (symbol := ref()) is not None]
        used = [s.value for s in symbols if s.value not in self._found and _is_made(s.value)]
        values = list(dict.fromkeys((*wanted, *used)))
        pending, self._pending = self._pending, {}
        written = [variable for variable, _ in pending.values()]
        updates = [TraceScope.as_value(self, self.values[id(variable)]) for variable in written]
        if not values and not updates:
            return
        scalars = [np.float32(read()) for read in self.scalars]
        graph = self.builder.finish([*values, *updates])
        inputs = self._in_order(graph, scalars)
        arrays = _program(graph)(tuple(self._before), inputs)
        self._found.update(zip(values, arrays, strict=False))
        for (variable, home), array in zip(pending.values(), arrays[len(values) :], strict=True):
            variable.home = home
            home[0].write(home[1], array, lent=False)

    def _in_order(self, graph: Graph, scalars: Sequence[Any]) -> tuple[Any, ...]:
        """Return the arrays of the graph's inputs: runtime scalars are declared among them."""
        known = {s.value: a for s, a in zip(self._known.values(), self._arrays, strict=True)}
        given = zip(self._scalar_symbols.values(), scalars, strict=True)
        known.update((symbol.value, scalar) for symbol, scalar in given)
        return tuple(known[value] for value in graph.inputs)

    def _lifted(self, tensor: Any) -> Any:
        if isinstance(tensor, LazySymbol) and tensor.scope is not self:
            tensor = tensor.array()
        if not isinstance(tensor, (np.ndarray, jax.Array)):
            return tensor
        if id(tensor) not in self._known:
            dtype = jax.dtypes.canonicalize_dtype(tensor.dtype)
            self._known[id(tensor)] = self.input(TensorSpec(tuple(tensor.shape), str(dtype)))
            self._arrays.append(tensor)
        return self._known[id(tensor)]

    def symbol(self, value: Value) -> Symbol:
        """Return a symbol that can be asked for its numbers."""
        return LazySymbol(value, self)

    def _declare(
        self, variable: Any, members: list[Any], make: Callable[[TensorSpec, str], Value]
    ) -> Symbol:
        self._before.append(variable.stored)
        return super()._declare(variable, members, make)


class PendingShelf(Shelf):
    """Where a variable lives whose new value is not computed yet: looking at it computes it."""

    def __init__(self, scope: LazyScope, real: Shelf) -> None:
        self.scope, self.real = scope, real

    @property
    def arrays(self) -> list[Any]:
        """The arrays of the real shelf, the pending ones among them computed."""
        self.scope.run()
        return self.real.arrays

    @property
    def lent(self) -> set[int]:
        """The places lent out."""
        return self.real.lent


def _is_made(value: Value) -> bool:
    return value.node.op not in INPUT_OPS


def _program(graph: Graph) -> Callable[..., Any]:
    target = default_target()

    def make() -> Callable[..., Any]:
        optimised = Pipeline()(graph, "train")
        run = lower(optimised, plan(optimised, target))
        return jax.jit(lambda state, inputs: run((), state, inputs)[0])

    return PROGRAMS.get(("lazy", fingerprint(graph), target), make)


@contextmanager
def lazily() -> Iterator[TraceScope]:
    """Trace what is inside: in the trace under way, else in one that runs when looked at."""
    trace = current_trace()
    if trace is not None:
        yield trace
        return
    with entered(LazyScope()) as scope:
        assert isinstance(scope, LazyScope)
        yield scope


def as_arrays(structure: Any) -> Any:
    """Return a structure with its lazy symbols as arrays."""
    return map_structure(
        lambda leaf: leaf.array() if isinstance(leaf, LazySymbol) else leaf, structure
    )


def has_lazy(structure: Any) -> bool:
    """Return whether a structure holds a lazy symbol."""
    return any(isinstance(leaf, LazySymbol) for leaf in flatten(structure))
