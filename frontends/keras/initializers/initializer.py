"""The base of initializers: a callable from a shape and a dtype to the first value of a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self


class Initializer:
    """Makes the initial value of a weight; subclasses define `__call__` and `get_config`."""

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> Any:
        """Return an array of the given shape; `dtype` defaults to `floatx()`."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `__call__()`.")

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build an equal initializer from `get_config()`."""
        return cls(**config)

    def clone(self) -> Self:
        """Return an initializer of the same class and configuration."""
        return type(self).from_config(self.get_config())
