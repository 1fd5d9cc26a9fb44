"""The layer that applies other layers one after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from graphc.keras.engine.layer import Layer
from graphc.keras.engine.masks import get_mask
from graphc.keras.engine.structure import map_structure
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Pipeline(Layer):
    """A chain of layers as one layer: for preprocessing inside a model or a data pipeline.

    Args:
        layers: the layers, in order.
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = list(layers)
        self.autocast = False  # each layer casts for itself

    @property
    def layers(self) -> list[Any]:
        """The layers, in order."""
        return self._pipeline_layers

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """Return what the last layer gives; masks and the phase are handed on."""
        for layer in self._pipeline_layers:
            takes = layer._call_arguments.names
            given = {"mask": mask, "training": training}
            inputs = layer(inputs, **{name: given[name] for name in given if name in takes})
            mask = map_structure(get_mask, inputs)
        return inputs

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        """Build from `get_config()`.

        Raises:
            ValueError: the configuration lists no layers.
        """
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized "
                f"layers. Received: config with layers={layers}."
            )
        made = [deserialize_keras_object(one, custom_objects=custom_objects) for one in layers]
        return cls(**{**config, "layers": made})

    def get_config(self) -> dict[str, Any]:
        """Return the layers' configurations and the name."""
        return {"layers": serialize_keras_object(self._pipeline_layers), "name": self.name}
