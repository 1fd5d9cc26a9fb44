"""`keras.name_scope`: a prefix of the paths of the variables made inside."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, Self

_STACK: ContextVar[tuple[name_scope, ...]] = ContextVar("graphc_name_scopes", default=())


class name_scope:  # noqa: N801 (Keras's name)
    """Puts `name/` before the paths of variables made inside.

    Args:
        name: a path of one part.
        caller: whoever opens the scope; opening the same one twice in a row counts once.
        deduplicate: whether it does.
        override_parent: a path to start from instead of the scopes around this one.

    Raises:
        ValueError: a name that is no string, or holds a `/`.
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ) -> None:
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        self.name, self.caller = name, caller
        if override_parent is None and deduplicate:
            override_parent = getattr(caller, "_parent_path", None)
        self.deduplicate, self.override_parent = deduplicate, override_parent
        self._token: Token[tuple[name_scope, ...]] | None = None

    def __enter__(self) -> Self:
        stack = _STACK.get()
        last = stack[-1] if stack and self.deduplicate and self.caller is not None else None
        again = last is not None and last.caller is self.caller and last.name == self.name
        self._token = None if again else _STACK.set((*stack, self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._token is not None:
            _STACK.reset(self._token)


def current_path() -> str:
    """Return the path of the scopes that are open, "" outside all."""
    parts: list[str] = []
    for scope in _STACK.get():
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts)


def path_of(name: str) -> str:
    """Return the path of something of this name that is made now."""
    path = current_path()
    return f"{path}/{name}" if path else name


def scope_of(layer: Any) -> name_scope:
    """Return a layer's own scope; where it is opened first is where the layer stays."""
    if layer._parent_path is None:
        layer._parent_path = current_path()
    return name_scope(layer.name, caller=layer)
