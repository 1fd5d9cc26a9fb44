"""Names of custom classes and functions, so that configurations can find them again."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

REGISTERED: dict[str, Any] = {}
_NAMES: dict[Any, str] = {}
PROVIDED = {"graphc>NnxLayer": "graphc.flax"}  # what a part of graphc registers once imported
_SCOPED: ContextVar[dict[str, Any] | None] = ContextVar("graphc_custom_objects", default=None)


def register_keras_serializable(
    package: str = "Custom", name: str | None = None
) -> Callable[[Any], Any]:
    """Register the decorated class or function under `package>name`.

    Raises:
        ValueError: a class with neither `get_config` nor the fields of a dataclass, as the modules
            of `flax.linen` have them.
    """

    def decorate(item: Any) -> Any:
        described = hasattr(item, "get_config") or hasattr(item, "__dataclass_fields__")
        if inspect.isclass(item) and not described:
            raise ValueError(
                "Cannot register a class that does not have a get_config() method. "
                f"Received: {item}"
            )
        registered = f"{package}>{name or item.__name__}"
        REGISTERED[registered] = item
        _NAMES[item] = registered
        return item

    return decorate


def get_registered_name(obj: Any) -> str:
    """Return the registered name of a class or function, else its own name."""
    return _NAMES.get(obj, getattr(obj, "__name__", str(obj)))


def get_registered_object(
    name: str, custom_objects: dict[str, Any] | None = None, module_objects: Any = None
) -> Any:
    """Return what a name stands for: scoped, given, registered, then built in; or None."""
    if name in PROVIDED and name not in REGISTERED:
        importlib.import_module(PROVIDED[name])
    for source in (_SCOPED.get(), custom_objects, REGISTERED, module_objects):
        if source and name in source:
            return source[name]
    return None


def get_custom_objects() -> dict[str, Any]:
    """Return the registry of custom objects itself."""
    return REGISTERED


@contextmanager
def custom_object_scope(custom_objects: dict[str, Any]) -> Iterator[None]:
    """Let configurations inside refer to these classes and functions by name."""
    token = _SCOPED.set({**(_SCOPED.get() or {}), **custom_objects})
    try:
        yield
    finally:
        _SCOPED.reset(token)
