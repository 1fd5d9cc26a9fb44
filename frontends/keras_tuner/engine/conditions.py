"""When a hyperparameter counts: its parent has one of some values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PLAIN = (str, bool, int, float)


class Condition:
    """Says whether a hyperparameter is active, given the values of others."""

    def is_active(self, values: Mapping[str, Any]) -> bool:
        raise NotImplementedError(f"{type(self).__name__} must override `is_active`.")

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must override `get_config`.")


class Parent(Condition):
    """Active where hyperparameter `name` has one of `values`.

    Raises:
        TypeError: a value is no string, number or truth value.
    """

    def __init__(self, name: str, values: Any) -> None:
        listed = list(values) if isinstance(values, list | tuple | set | range) else [values]
        wrong = [value for value in listed if not isinstance(value, PLAIN)]
        if wrong or not listed:
            raise TypeError(
                f"The values of the parent '{name}' must be strings, numbers or truth values, "
                f"and at least one. Received: {values!r}"
            )
        self.name = name
        self.values = listed

    def is_active(self, values: Mapping[str, Any]) -> bool:
        return self.name in values and values[self.name] in self.values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parent) and (self.name, self.values) == (other.name, other.values)

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.values)))

    def __repr__(self) -> str:
        return f"Parent(name={self.name!r}, values={self.values!r})"

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "values": self.values}


def serialize(condition: Condition) -> dict[str, Any]:
    """Return a condition as plain data."""
    return {"class_name": type(condition).__name__, "config": condition.get_config()}


def deserialize(config: Any) -> Condition:
    """Return the condition that `serialize` described; a condition is returned as it is."""
    if isinstance(config, Condition):
        return config
    return Parent(**config["config"])
