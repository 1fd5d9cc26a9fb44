"""The environment of a trace: what each variable is right now, and what the trace collects."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from graphc.builder import Builder
from graphc.ir import Value
from graphc.keras.engine.tensor import Symbol
from graphc.spec import TensorSpec

_PACKAGE = str(Path(__file__).resolve().parents[1])
_OURS = (_PACKAGE, str(Path(sys.modules["graphc"].__file__ or "").resolve().parent))


class Scope:
    """Maps variables to values for a while: reads see the newest write, nothing is really set."""

    def __init__(self, values: dict[Any, Any] | None = None) -> None:
        self.values: dict[int, Any] = {id(k): v for k, v in (values or {}).items()}
        self.keys: dict[int, Any] = {id(k): k for k in (values or {})}
        self.losses: list[Any] = []
        self._owners: dict[int, int] = {}  # of losses, by identity: which layer added them

    def add_loss(self, loss: Any, owner: Any = None) -> None:
        """Keep a loss that a layer added."""
        self.losses.append(loss)
        self._owners[id(loss)] = id(owner)

    def losses_of(self, layers: Sequence[Any]) -> list[Any]:
        """Return the losses that these layers added, and those of which no owner is known."""
        known = {id(layer) for layer in layers} | {id(None)}
        return [one for one in self.losses if self._owners.get(id(one), id(None)) in known]

    def drop_losses_of(self, layers: Sequence[Any]) -> None:
        """Forget the losses that these layers added."""
        known = {id(layer) for layer in layers}
        self.losses[:] = [one for one in self.losses if self._owners.get(id(one)) not in known]

    def read(self, variable: Any) -> Any:
        """Return the variable's value here; its real one where nothing was said."""
        found = self.values.get(id(variable))
        return variable.stored if found is None else found

    def write(self, variable: Any, value: Any) -> None:
        """Let later reads see `value`."""
        self.values[id(variable)] = value
        self.keys[id(variable)] = variable


class TraceScope(Scope):
    """A scope whose values are symbols of one graph.

    `params` are declared first, in order; every other variable becomes state when first read.
    """

    def __init__(self, params: Sequence[Any] = (), state: Sequence[Any] = ()) -> None:
        super().__init__()
        self.builder = Builder()
        self.valid: Symbol | None = None  # float [B]: 1 for a real row, 0 for padding
        self.params: list[Any] = []
        self.state: list[Any] = []
        self.scalars: list[Callable[[], float]] = []
        self._scalar_symbols: dict[tuple[int, str], Symbol] = {}
        self._first: dict[int, Symbol] = {}
        for variable in params:
            self._declare(variable, self.params, self.builder.param)
        for variable in state:
            self._declare(variable, self.state, self.builder.state)

    def read(self, variable: Any) -> Symbol:
        """Return the symbol of the variable's newest value."""
        found = self.values.get(id(variable))
        if found is not None:
            return found
        return self._declare(variable, self.state, self.builder.state)

    def symbol(self, value: Value) -> Symbol:
        """Return what stands for a value of this graph."""
        return Symbol(value)

    def known(self, tensor: Any) -> Symbol | None:
        """Return what stands for a tensor in this graph, if anything does."""
        return tensor if isinstance(tensor, Symbol) else None

    def takes(self, tensors: Sequence[Any]) -> bool:
        """Return whether an op on these is part of the graph."""
        return any(isinstance(tensor, Symbol) for tensor in tensors)

    def input(self, spec: TensorSpec, name: str = "") -> Symbol:
        """Declare an input of the graph."""
        return self.symbol(self.builder.input(spec, name))

    def first(self, variable: Any) -> Symbol:
        """Return the symbol of the variable's value before the step."""
        self.read(variable)
        return self._first[id(variable)]

    def scalar(self, owner: Any, name: str, read: Callable[[], float] | None = None) -> Symbol:
        """Return `owner.name`, or what `read` returns, as a float32 input.

        It is read anew before every run.
        """
        key = (id(owner), name)
        if key not in self._scalar_symbols:
            self.scalars.append(read or (lambda: getattr(owner, name)))
            self._scalar_symbols[key] = self.input(TensorSpec((), "float32"), name)
        return self._scalar_symbols[key]

    def updates(self) -> list[Value]:
        """Return the value of every state variable at the end of the trace."""
        for variable in [self.keys[key] for key in self.values if key not in self._first]:
            written = self.values[id(variable)]  # without being read: it is state all the same
            self._declare(variable, self.state, self.builder.state)
            self.write(variable, written)
        return [self.as_value(self.values[id(variable)]) for variable in self.state]

    def as_value(self, tensor: Any) -> Value:
        """Return a symbol's value; an array or a number becomes a constant."""
        return tensor.value if isinstance(tensor, Symbol) else self.builder.constant(tensor)

    def emit(self, op: str, tensors: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Emit one op on symbols, arrays and numbers."""
        operands = [t.value if isinstance(t, Symbol) else t for t in tensors]
        result = self.builder.emit(op, *operands, **attrs)
        if isinstance(result, tuple):
            return tuple(self.symbol(value) for value in result)
        return self.symbol(result)

    @contextmanager
    def layer(self, name: str, source: str) -> Iterator[None]:
        """Stamp the nodes made inside with a longer layer path and the user's line."""
        builder = self.builder
        before = builder.scope, builder.source
        builder.scope = f"{builder.scope}/{name}" if builder.scope else name
        builder.source = source or builder.source
        try:
            yield
        finally:
            builder.scope, builder.source = before

    def _declare(
        self, variable: Any, members: list[Any], make: Callable[[TensorSpec, str], Value]
    ) -> Symbol:
        spec = TensorSpec(tuple(variable.shape), variable.dtype)
        symbol = self.symbol(make(spec, variable.path))
        members.append(variable)
        self._first[id(variable)] = symbol
        self.write(variable, symbol)
        return symbol


_CURRENT: ContextVar[Scope | None] = ContextVar("graphc_scope", default=None)


def current_scope() -> Scope | None:
    """Return the innermost scope, if any."""
    return _CURRENT.get()


def current_trace() -> TraceScope | None:
    """Return the innermost scope if it is a trace."""
    scope = _CURRENT.get()
    return scope if isinstance(scope, TraceScope) else None


@contextmanager
def entered(scope: Scope | None) -> Iterator[Scope | None]:
    """Make `scope` the current one; None suspends any."""
    token = _CURRENT.set(scope)
    try:
        yield scope
    finally:
        _CURRENT.reset(token)


def user_source() -> str:
    """Return "file:line" of the nearest caller outside graphc."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_OURS):
        frame = frame.f_back
    return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"
