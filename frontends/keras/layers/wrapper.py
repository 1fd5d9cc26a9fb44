"""`Wrapper`: the base of layers that change what another layer does."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.layer import Layer
from graphc.keras.engine.name_scope import scope_of
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Wrapper(Layer):
    """Holds another layer, builds it with itself and keeps its configuration.

    Raises:
        ValueError: `layer` is not a layer.
    """

    def __init__(self, layer: Any, name: str | None = None, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Expected `layer` to be a layer that `{type(self).__name__}` can wrap. "
                f"Received: layer={layer!r} (of type {type(layer)})"
            )
        super().__init__(name=name, **kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the wrapped layer for inputs of this shape."""
        build_inside(self, self.layer, input_shape)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, the wrapped layer's configuration among them."""
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Make a wrapper from `get_config()`."""
        config = dict(config)
        layer = deserialize_keras_object(config.pop("layer"), custom_objects=custom_objects)
        return cls(layer, **config)


def build_inside(outer: Layer, inner: Any, input_shape: Any) -> None:
    """Build `inner`, unless it is built, as a part of `outer`."""
    if not inner.built:
        with scope_of(outer):
            inner.build(input_shape)
        inner.built = True
