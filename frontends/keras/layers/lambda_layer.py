"""`Lambda`: any function as a layer."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from graphc.keras.engine.building import map_shapes
from graphc.keras.engine.structure import map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.layers.builtin import BuiltinLayer
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.bytecode import dump_lambda

FUNCTIONS = ("function", "output_shape", "mask")


class Lambda(BuiltinLayer):
    """Applies `function` to its inputs; it owns no variables.

    Args:
        function: takes the inputs, and `mask` and `training` if it names them.
        output_shape: the output's shape without the batch, or a function of the input's shape;
            needed only where tracing the function cannot tell.
        mask: the output's mask, or a function of the inputs and their mask.
        arguments: more keyword arguments for the function.

    Raises:
        ValueError: the function is not callable.
    """

    from_config_is_raw = True  # bytecode must not be read before `from_config` has refused it

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ValueError(f"Expected `function` to be callable. Received: {function!r}")
        self.function = function
        self.arguments = arguments or {}
        self.mask = mask
        self.supports_masking = mask is not None
        self._output_shape = output_shape
        self._function_names = inspect.getfullargspec(function).args

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        """Return `function(inputs)`."""
        context = {"mask": mask, "training": training}
        wanted = {name: value for name, value in context.items() if name in self._function_names}
        return self.function(inputs, **self.arguments, **wanted)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask given, or what it makes of the inputs and theirs."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask

    def compute_output_spec(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Return KerasTensors like the outputs, of the shape given if one was."""
        if self._output_shape is None:
            return super().compute_output_spec(inputs, *args, **kwargs)
        shape = self._output_shape
        if callable(shape):
            shapes = map_structure(lambda tensor: tuple(tensor.shape), inputs)
            return map_shapes(self._tensor, shape(shapes))
        batch = _first(inputs).shape[0]
        return map_shapes(lambda sizes: self._tensor((batch, *sizes)), shape)

    def _tensor(self, shape: tuple[int | None, ...]) -> KerasTensor:
        return KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a Python lambda is stored as its bytecode."""
        own: dict[str, Any] = {"function": _dump(self.function)}
        if self._output_shape is not None:
            own["output_shape"] = _dump(self._output_shape)
        if self.mask is not None:
            own["mask"] = _dump(self.mask)
        own["arguments"] = serialize_keras_object(self.arguments)
        return {**super().get_config(), **own}

    @classmethod
    def from_config(
        cls,
        config: dict[str, Any],
        custom_objects: dict[str, Any] | None = None,
        safe_mode: bool = True,
    ) -> Self:
        """Build from `get_config()`.

        Raises:
            ValueError: a function is stored as bytecode and `safe_mode` is on.
        """
        config = dict(config)
        for name in FUNCTIONS:
            if name in config:
                config[name] = deserialize_keras_object(config[name], custom_objects, safe_mode)
            if isinstance(config.get(name), type):  # calling it would make an object of it
                raise ValueError(
                    f"Expected `{name}` to be a function. Received: the class {config[name]}"
                )
        if isinstance(config.get("output_shape"), list):
            config["output_shape"] = tuple(config["output_shape"])
        arguments = config.get("arguments")
        config["arguments"] = deserialize_keras_object(arguments, custom_objects=custom_objects)
        return super().from_config(config)


def _first(inputs: Any) -> Any:
    while isinstance(inputs, (list, tuple, dict)):
        inputs = next(iter(inputs.values() if isinstance(inputs, dict) else inputs))
    return inputs


def _dump(value: Any) -> Any:
    entry = serialize_keras_object(value)
    if isinstance(entry, dict) and entry.get("class_name") == "__lambda__":
        return {**entry, "config": dump_lambda(value)}  # Keras's form for this layer alone
    return entry
