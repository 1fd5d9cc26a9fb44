"""One family of named objects (initializers, regularizers ...) and how a name finds its member."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphc.keras.engine.settings import to_snake_case
from graphc.keras.saving import deserialize_keras_object, get_registered_object


def by_both_names(classes: Iterable[type]) -> dict[str, type]:
    """Map the CamelCase and the snake_case name of every class to the class."""
    classes = tuple(classes)
    camel = {cls.__name__: cls for cls in classes}
    return camel | {to_snake_case(cls.__name__): cls for cls in classes}


@dataclass(frozen=True)
class NamedObjects:
    """The objects of one family by name.

    `kind` is the word for one of them in errors, `module` the public module that they live in.
    """

    kind: str
    module: str
    members: Mapping[str, Any]

    def deserialize(self, config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
        """Return the object that a name or a serialized config describes."""
        if isinstance(config, str):
            return self._named(config, custom_objects)
        return deserialize_keras_object({"module": self.module, **config}, custom_objects)

    def get(self, identifier: Any) -> Callable[..., Any] | None:
        """Return the object for a name, a config, a class or a callable; None stays None.

        Raises:
            ValueError: the name is unknown, or the identifier is none of these.
        """
        if identifier is None:
            return None
        named = isinstance(identifier, (str, dict))
        found = self.deserialize(identifier) if named else identifier
        found = found() if inspect.isclass(found) else found
        if callable(found):
            return found
        raise ValueError(
            f"Expected a known name ({self.kind}), its config, or a callable. "
            f"Received: {identifier!r}"
        )

    def _named(self, name: str, custom_objects: dict[str, Any] | None) -> Any:
        found = get_registered_object(name, custom_objects, dict(self.members))
        if found is not None:
            return found
        near = difflib.get_close_matches(name, self.members, n=3, cutoff=0.5)
        hint = f" The nearest names are: {', '.join(map(repr, near))}." if near else ""
        raise ValueError(f"Expected the name of a known {self.kind}.{hint} Received: {name!r}")
