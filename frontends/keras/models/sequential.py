"""`Sequential`: a model that is a list of layers."""

from __future__ import annotations

from typing import Any, ClassVar

from graphc.keras.engine import tracking
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.masks import set_mask
from graphc.keras.engine.name_scope import current_path, scope_of
from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.version import structural_change
from graphc.keras.models.input_layer import Input, InputLayer
from graphc.keras.models.model import Model
from graphc.keras.models.record import Record
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.contexts import sharing


class Sequential(Model):
    """A chain of layers, each with one input and one output.

    Without an input shape (an `Input` in front, `input_shape=` on the first layer, or `build`) the
    variables are created by the first call or `fit`.
    """

    saving_base: ClassVar[dict[str, Any]] = {"name": "base"}
    layers_saved_first = True

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name or auto_name("sequential"))
        self._chain: list[Layer] = []
        self._input_layer: InputLayer | None = None
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._maybe_rebuild()

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer.

        Raises:
            ValueError: not a layer, or a name that is already taken.
        """
        layer = self._as_layer(layer)
        if isinstance(layer, InputLayer):
            if self._chain or self._input_layer is not None:
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {getattr(self._input_layer, 'batch_shape', None)}. You cannot add a "
                    "different Input layer to it."
                )
            self._input_layer = layer
            return
        if any(known.name == layer.name and known is not layer for known in self._chain):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        shape = layer._input_shape_arg
        if shape is not None and not self._chain and self._input_layer is None:
            self._input_layer = Input(batch_shape=shape)._keras_history.operation
        self._chain = [*self._chain, layer]
        structural_change()
        if rebuild:
            self._maybe_rebuild()

    def pop(self, rebuild: bool = True) -> Any:
        """Remove and return the last layer."""
        layer = self._chain[-1] if self._chain else None
        self._chain = self._chain[:-1]
        self.built = False
        self._record = None
        structural_change()
        if rebuild:
            self._maybe_rebuild()
        return layer

    def _as_layer(self, layer: Any) -> Layer:
        history = getattr(layer, "_keras_history", None)
        if isinstance(layer, KerasTensor) and isinstance(history.operation, InputLayer):
            return history.operation
        if isinstance(layer, Layer):
            return layer
        raise ValueError(
            "Only instances of `keras.Layer` can be added to a Sequential model. "
            f"Received: {layer} (of type {type(layer)})"
        )

    def _maybe_rebuild(self) -> None:
        self.built = False
        self._record = None
        if self._input_layer is not None and self._chain:
            self._connect(self._input_layer.output)

    def _connect(self, tensor: KerasTensor) -> None:
        outputs = tensor
        with scope_of(self):
            self._path = current_path()
            for layer in self._chain:
                outputs = layer(outputs)
        self._record = Record(tensor, outputs)
        self.built = True

    def build(self, input_shape: Any = None) -> None:
        """Create the variables for inputs of this shape, batch included."""
        if self._record is not None:
            return
        if input_shape is None:
            raise ValueError(
                f"Sequential model {self.name} does not know its input yet. Expected "
                "`build(input_shape)` with the batch first. Received: input_shape=None"
            )
        if not self._chain:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                "`model.add(layer)`."
            )
        single = not isinstance(input_shape, dict) and not any(
            isinstance(size, (list, tuple)) for size in input_shape
        )
        if not single:
            self.built = True
            return
        sizes = tuple(input_shape)
        self._input_layer = Input(batch_shape=sizes)._keras_history.operation
        self._connect(self._input_layer.output)

    def _maybe_build(self, named: dict[str, Any]) -> None:
        """Build for any batch size: the first batch says only what a sample is."""
        if self.built or self._record is not None:
            return
        value = next(iter(named.values()), None)
        shape = getattr(value, "shape", None)
        if shape is None:
            self.built = True
            return
        dtype = str(value.dtype)
        self._input_layer = Input(batch_shape=(None, *shape[1:]), dtype=dtype)._keras_history[0]
        self._connect(self._input_layer.output)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the layers one after another."""
        if self._record is not None and len(getattr(inputs, "shape", ())) == len(self.input_shape):
            inputs = self._adjust(inputs, self._record.input_tensors[0], 0)
        elif self._record is not None and hasattr(inputs, "shape"):
            inputs = self._match_inputs(inputs)[0]
        if mask is not None and not isinstance(inputs, KerasTensor):
            set_mask(inputs, mask)
        for layer in self._chain:
            inputs = layer(inputs)
        return inputs

    @property
    def layers(self) -> list[Layer]:
        """The layers, the input left out."""
        return list(self._chain)

    def _sublayers(self) -> list[Layer]:
        return tracking.unique(self._chain)

    def get_config(self) -> dict[str, Any]:
        """Return the name and the layers' configurations."""
        start = [] if self._input_layer is None else [self._input_layer]
        with sharing():
            layers = [serialize_keras_object(layer) for layer in (*start, *self._chain)]
        config = {**Layer.get_config(self), "layers": layers}
        if self._record is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Make a model from `get_config()`.

        Raises:
            ValueError: no list of layers, or a class that is not known.
        """
        if "layers" not in config:
            raise ValueError(
                "Expected the configuration of a Sequential model, with 'name' and 'layers'. "
                f"Received: {config}"
            )
        model = cls(name=config.get("name"))
        model._trainable = config.get("trainable", True)
        with sharing():
            for entry in config["layers"]:
                model.add(deserialize_keras_object(entry, custom_objects), rebuild=False)
        model._maybe_rebuild()
        if not model.built and config.get("build_input_shape"):
            model.build(config["build_input_shape"])
        return model
