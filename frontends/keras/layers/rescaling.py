"""The rescaling layer: `inputs * scale + offset`."""

from __future__ import annotations

from typing import Any, Self

from graphc.keras import ops
from graphc.keras.engine.settings import image_data_format
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object


class Rescaling(BuiltinLayer):
    """Multiplies by `scale` and adds `offset`; integers become floats first.

    Both are numbers, or lists with one number a channel.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        """Return `inputs * scale + offset` in the compute dtype."""
        scale = ops.convert_to_tensor(self.scale, dtype=self.compute_dtype)
        offset = ops.convert_to_tensor(self.offset, dtype=self.compute_dtype)
        if scale.ndim and image_data_format() == "channels_first":
            scale = ops.reshape(scale, (*scale.shape, *(1,) * (3 - scale.ndim)))
        return ops.cast(inputs, self.compute_dtype) * scale + offset

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        own = {"scale": self.scale, "offset": self.offset}
        serialized = {name: serialize_keras_object(value) for name, value in own.items()}
        return {**super().get_config(), **serialized}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Self:
        """Build from `get_config()`."""
        values = {
            name: deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("scale", "offset")
        }
        return super().from_config({**config, **values})
