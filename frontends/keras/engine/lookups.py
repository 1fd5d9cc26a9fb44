"""Late-bound lookups by name: the base classes need them and the families need the base classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Lookups(dict[str, Callable[..., Any]]):
    """Functions set by the packages that own them: initializer, regularizer, constraint ..."""

    def __missing__(self, name: str) -> Callable[..., Any]:
        raise KeyError(f"graphc.keras is not fully imported: there is no lookup {name!r} yet.")


LOOKUPS = Lookups()
