"""How a small model is written down so that both libraries can build it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Build = Callable[[Any], Any]
Spec = tuple[str, dict[str, Any]]  # a layer: class name, arguments


def chain(shape: tuple[int | None, ...], *layers: Spec, dtype: str = "float32") -> Build:
    """Return a builder of a Sequential model."""

    def build(keras: Any) -> Any:
        made = [layer(keras, spec) for spec in layers]
        return keras.Sequential([keras.Input(shape, dtype=dtype), *made])

    return build


def each(shape: tuple[int | None, ...], *layers: Spec, dtype: str = "float32") -> Build:
    """Return a builder of a model that gives the output of each layer for the same input."""

    def build(keras: Any) -> Any:
        x = keras.Input(shape, dtype=dtype)
        return keras.Model(x, [layer(keras, spec)(x) for spec in layers])

    return build


def together(shapes: list[tuple[int | None, ...]], *layers: Spec) -> Build:
    """Return a builder of a model whose layers each take all inputs, as a list."""

    def build(keras: Any) -> Any:
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, [layer(keras, spec)(inputs) for spec in layers])

    return build


def layer(keras: Any, spec: Spec) -> Any:
    """Return the layer of a specification; arguments that are functions get the library."""
    name, arguments = spec
    return getattr(keras.layers, name)(**given(keras, arguments))


def given(keras: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return arguments of which those that are functions were called with the library."""
    return {k: v(keras) if callable(v) else v for k, v in arguments.items()}


def inner(name: str, **arguments: Any) -> Callable[[Any], Any]:
    """Return what makes a layer that is an argument of another one."""
    return lambda keras: layer(keras, (name, arguments))


def inners(*specs: Spec) -> Callable[[Any], Any]:
    """Return what makes a list of layers that is an argument of another one."""
    return lambda keras: [layer(keras, spec) for spec in specs]
