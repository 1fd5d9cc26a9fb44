"""`StatelessScope`: variables read from a mapping and written to it, for pure functions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Self

from graphc.keras.engine.scope import Scope, current_scope, entered
from graphc.keras.engine.variable import Variable


class _Entered:
    """A scope that is current while it is entered as a context manager."""

    _entry: AbstractContextManager[Any]

    def __enter__(self) -> Self:
        self._entry = entered(self)  # pyright: ignore[reportArgumentType]
        self._entry.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entry.__exit__(kind, error, trace)


class StatelessScope(_Entered, Scope):
    """Variables have the values of `state_mapping` inside; assignments are kept here alone.

    Args:
        state_mapping: (variable, value) pairs.
        collect_losses: whether `losses` keeps what layers add.
        initialize_variables: accepted as in Keras; variables always have values here.

    Raises:
        ValueError: a key is no variable, or a value has another shape.
    """

    def __init__(
        self,
        state_mapping: Iterable[tuple[Any, Any]] | None = None,
        collect_losses: bool = False,
        initialize_variables: bool = True,
    ) -> None:
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        super().__init__()
        for variable, value in state_mapping or ():
            if not isinstance(variable, Variable):
                raise ValueError(
                    "Invalid reference variable in StatelessScope: all keys in argument `mapping` "
                    f"must be Variable instances. Received instead: {variable}"
                )
            if tuple(variable.shape) != tuple(value.shape):
                raise ValueError(
                    "Invalid variable value in StatelessScope: all values in argument `mapping` "
                    "must be tensors with a shape that matches the corresponding variable shape. "
                    f"For variable: {variable}. Received: shape={tuple(value.shape)}"
                )
            self.write(variable, value.astype(variable.dtype))

    def add_update(self, update: tuple[Any, Any]) -> None:
        """Let a variable have another value, given as a (variable, value) pair."""
        self.write(*update)

    def get_current_value(self, variable: Any) -> Any:
        """Return the variable's value here, or None where nothing was said of it."""
        return self.values.get(id(variable))


class SymbolicScope(_Entered, Scope):
    """Marks code that computes shapes only: what it assigns is forgotten at its end."""


def in_stateless_scope() -> bool:
    """Return whether a `StatelessScope` is the current scope."""
    return isinstance(current_scope(), StatelessScope)
