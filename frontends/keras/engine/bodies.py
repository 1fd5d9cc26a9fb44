"""Traces of sub-graphs: a user's function becomes a closed body, what it captured an operand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.body import Body
from graphc.ir import Value
from graphc.keras.engine.scope import TraceScope, entered
from graphc.keras.engine.structure import flatten, pack_as
from graphc.keras.engine.tensor import Symbol
from graphc.spec import TensorSpec


class BodyScope(TraceScope):
    """A trace inside another: symbols of the outer one become inputs when they are first used.

    `captures` are those outer symbols, in the order of the inputs made for them; `written` are the
    variables that the function assigned.
    """

    def __init__(self, parent: TraceScope) -> None:
        super().__init__()
        self.parent = parent
        self.captures: list[Symbol] = []
        self.written: dict[int, Any] = {}
        self._inner: dict[Value, Value] = {}
        self.builder.scope, self.builder.source = parent.builder.scope, parent.builder.source

    def read(self, variable: Any) -> Symbol:
        """Return the variable's newest value: that of the outer trace until it is assigned here."""
        found = self.values.get(id(variable))
        return self.parent.read(variable) if found is None else found

    def write(self, variable: Any, value: Any) -> None:
        """Let later reads see `value`."""
        self.written[id(variable)] = variable
        super().write(variable, value)

    def first(self, variable: Any) -> Symbol:
        """Return the symbol of the variable's value before the outermost trace."""
        return self.parent.first(variable)

    def scalar(self, owner: Any, name: str, read: Callable[[], float] | None = None) -> Symbol:
        """Return a runtime scalar as the outer trace's input."""
        return self.parent.scalar(owner, name, read)

    def as_value(self, tensor: Any) -> Value:
        """Return the value in this graph; an outer one is captured."""
        value = super().as_value(tensor)
        if self.builder.owns(value):
            return value
        if value not in self._inner:
            self.captures.append(tensor)
            self._inner[value] = self.builder.input(value.spec, "captured")
        return self._inner[value]

    def emit(self, op: str, tensors: Sequence[Any], attrs: dict[str, Any]) -> Any:
        """Emit one op on symbols of this trace or an outer one, arrays and numbers."""
        own = [Symbol(self.as_value(t)) if isinstance(t, Symbol) else t for t in tensors]
        return super().emit(op, own, attrs)


class TracedBody:
    """One trace of a function: its scope, what it returned, and the body it becomes."""

    def __init__(
        self,
        parent: TraceScope,
        function: Callable[..., Any],
        specs: Sequence[TensorSpec],
        variables: Sequence[Any] = (),
        more: Sequence[TensorSpec] = (),
        *,
        may_add_losses: bool = False,
    ) -> None:
        """Call `function` on symbols of `specs` and `more`; between them come the `variables`.

        Raises:
            ValueError: the function added losses, which cannot leave a loop or a branch.
        """
        self.scope = BodyScope(parent)
        symbols = [self.scope.input(spec) for spec in specs]
        for variable in variables:
            spec = TensorSpec(tuple(variable.shape), variable.dtype)
            self.scope.write(variable, self.scope.input(spec, variable.path))
        symbols += [self.scope.input(spec) for spec in more]
        with entered(self.scope):
            self.outputs = function(*symbols)
        self.losses = self.scope.losses
        if self.losses and not may_add_losses:
            raise ValueError(
                "Losses cannot be added inside a loop or a branch. Expected `add_loss` outside. "
                f"Received: {len(self.scope.losses)} losses in {function}"
            )
        results = [*_tensors(self.outputs), *self.losses]
        self._values = [self.scope.as_value(leaf) for leaf in results]

    @property
    def specs(self) -> list[TensorSpec]:
        """Shape and dtype of everything returned; of losses after it."""
        return [value.spec for value in self._values]

    @property
    def written(self) -> list[Any]:
        """The variables that the function assigned."""
        return list(self.scope.written.values())

    def body(self, variables: Sequence[Any] = (), first: int | None = None) -> Body:
        """Return the closed body: what was returned, with `variables` after the `first` of it."""
        place = len(self._values) if first is None else first
        state = [self.scope.as_value(self.scope.read(variable)) for variable in variables]
        return Body(
            self.scope.builder.finish([*self._values[:place], *state, *self._values[place:]])
        )


def _tensors(structure: Any) -> list[Any]:
    return [leaf for leaf in flatten(structure) if leaf is not None]


def fill(structure: Any, tensors: Sequence[Any]) -> Any:
    """Return `structure` with its tensors, in order, replaced; None stays None."""
    rest = iter(tensors)
    return pack_as(structure, [leaf if leaf is None else next(rest) for leaf in flatten(structure)])
