"""What serialization knows about its surroundings: safe mode, shared objects, carried objects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_SAFE_MODE: ContextVar[bool | None] = ContextVar("graphc_safe_mode", default=None)
_CARRIED: ContextVar[dict[str, Any] | None] = ContextVar("graphc_carried", default=None)


class Sharing:
    """The layers met so far in one run of serialization (by id) or deserialization (by number)."""

    def __init__(self) -> None:
        self.entries: dict[int, dict[str, Any]] = {}
        self.owners: list[Any] = []  # keeps the ids above valid
        self.objects: dict[int, Any] = {}
        self.shared = 0

    def note(self, obj: Any, entry: dict[str, Any]) -> None:
        """Give both entries of an object that is met twice the same `shared_object_id`."""
        first = self.entries.setdefault(id(obj), entry)
        if first is entry:
            self.owners.append(obj)
            return
        self.shared += "shared_object_id" not in first
        entry["shared_object_id"] = first.setdefault("shared_object_id", self.shared)


_SHARING: ContextVar[Sharing | None] = ContextVar("graphc_sharing", default=None)


@contextmanager
def sharing() -> Iterator[Sharing]:
    """Recognise objects that appear twice inside; an inner scope joins the outer one."""
    outer = _SHARING.get()
    if outer is not None:
        yield outer
        return
    scope = Sharing()
    token = _SHARING.set(scope)
    try:
        yield scope
    finally:
        _SHARING.reset(token)


@contextmanager
def safe_mode_scope(safe_mode: bool) -> Iterator[None]:
    """Let deserialization inside refuse bytecode (True) or run it (False)."""
    token = _SAFE_MODE.set(safe_mode)
    try:
        yield
    finally:
        _SAFE_MODE.reset(token)


def enable_unsafe_deserialization() -> None:
    """Let deserialization run bytecode from now on, in this thread, whatever `safe_mode` says."""
    _SAFE_MODE.set(False)


def in_safe_mode(asked: bool) -> bool:
    """Return the mode of the enclosing scope, else the one asked for."""
    found = _SAFE_MODE.get()
    return asked if found is None else found


@contextmanager
def carrying() -> Iterator[dict[str, Any]]:
    """Collect custom classes, functions and whatever has no configuration, by a made-up name.

    A configuration written inside refers to them by these names: it serves copies in memory and
    pickles, which can hold the objects themselves.
    """
    carried: dict[str, Any] = {}
    token = _CARRIED.set(carried)
    try:
        yield carried
    finally:
        _CARRIED.reset(token)


def is_carrying() -> bool:
    """Return whether what is being written is a copy in memory, which may hold all there is."""
    return _CARRIED.get() is not None


def carried_name(obj: Any) -> str | None:
    """Return the name under which an object is carried; None when nothing is."""
    carried = _CARRIED.get()
    if carried is None:
        return None
    for name, known in carried.items():
        if known is obj:
            return name
    name = f"carried>{len(carried)}"
    carried[name] = obj
    return name
