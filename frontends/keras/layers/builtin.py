"""The base of Keras's own layers: constructor arguments stored, resolved and serialized by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphc.keras import activations, constraints, initializers, regularizers
from graphc.keras.engine.layer import Layer

# The last word of an argument's name tells which family resolves and serializes its value.
FAMILIES = {
    "activation": activations,
    "constraint": constraints,
    "initializer": initializers,
    "regularizer": regularizers,
}


class BuiltinLayer(Layer):
    """A layer whose configuration is the arguments it passed to `configure`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._config_names: tuple[str, ...] = ()

    if TYPE_CHECKING:
        # `configure` makes attributes that a type checker cannot see.
        def __getattr__(self, name: str) -> Any: ...

    def configure(self, **arguments: Any) -> None:
        """Store each argument as an attribute of that name, and list it in `get_config()`.

        `activation` and names that end in `_initializer`, `_regularizer` or `_constraint` are
        resolved by their family, in the order given (unseeded initializers draw a seed here).
        """
        for name, value in arguments.items():
            family = FAMILIES.get(name.rpartition("_")[2])
            setattr(self, name, value if family is None else family.get(value))
        self._config_names += tuple(arguments)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        own = {name: _serialized(name, getattr(self, name)) for name in self._config_names}
        return {**super().get_config(), **own}


def _serialized(name: str, value: Any) -> Any:
    family = FAMILIES.get(name.rpartition("_")[2])
    return value if family is None else family.serialize(value)
