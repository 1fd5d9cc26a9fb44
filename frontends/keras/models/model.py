"""`Model`: a layer with `compile`, `fit`, `evaluate` and `predict`; functional or subclassed."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from graphc.artifacts import export
from graphc.errors import located
from graphc.keras.engine.building import map_shapes
from graphc.keras.engine.call import is_tensor_like
from graphc.keras.engine.dispatch import apply, infer_call
from graphc.keras.engine.host import HostTensor
from graphc.keras.engine.input_spec import InputSpec
from graphc.keras.engine.layer import Layer
from graphc.keras.engine.masks import get_mask, set_mask
from graphc.keras.engine.scope import current_scope
from graphc.keras.engine.settings import auto_name
from graphc.keras.engine.structure import flatten, map_structure
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.models.configuration import (
    FUNCTIONAL_KEYS,
    compile_config,
    compile_from_config,
    functional_config,
    functional_from_config,
    takes_graph,
)
from graphc.keras.models.exporting import inputs_of
from graphc.keras.models.record import Record
from graphc.keras.models.summary import print_summary
from graphc.keras.saving import deserialize_keras_object, serialize_keras_object
from graphc.keras.saving.weights import load_weights, save_weights
from graphc.keras.saving.whole import save_model
from graphc.keras.training.host import Prepared, on_host
from graphc.keras.training.steps import built_in
from graphc.keras.training.trainer import Trainer


class Model(Trainer, Layer):
    """A layer that can be trained: Keras 3's `Model`.

    `Model(inputs, outputs)` is functional: the calls between the two are replayed. A subclass
    defines its own `call`; it may also pass `inputs` and `outputs` to `super().__init__`.
    """

    saving_base: ClassVar[dict[str, Any]] = {"name": "base"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        inputs, outputs, kwargs = _functional_arguments(args, kwargs)
        self._record: Record | None = None
        name = kwargs.pop("name", None)
        if outputs is not None and name is None and type(self) is Model:
            name = auto_name("functional")
        Trainer.__init__(self)
        Layer.__init__(self, name=name, **kwargs)
        self.supports_masking = True
        if outputs is not None:
            self._set_record(Record(inputs, outputs))

    def _set_record(self, record: Record) -> None:
        self._record = record
        self._functional_layers = record.layers
        self.input_spec = None
        self.built = True

    @built_in
    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Replay the functional graph; a subclass overrides this."""
        if self._record is None:
            raise NotImplementedError(
                f"Model {type(self).__name__} does not have a `call()` method implemented."
            )
        values = self._match_inputs(inputs)
        if mask is not None:
            for value, one in zip(values, flatten(mask), strict=True):
                if one is not None and not isinstance(value, KerasTensor):
                    set_mask(value, one)
        return self._record.run(values, training)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: each layer inside hands its own mask on."""
        return None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call on KerasTensors or symbols (recorded, traced), or on arrays (compiled)."""
        if args and self._host_layers and current_scope() is None:
            args = (on_host(self, args[0]), *args[1:])
        return self._call_compiled(self._call_prepared, args, kwargs)

    def _call_prepared(self, *args: Any, **kwargs: Any) -> Any:
        if not args or not isinstance(args[0], Prepared):
            return super().__call__(*args, **kwargs)
        with args[0].replayed() as x:
            return super().__call__(x, *args[1:], **kwargs)

    @property
    def layers_saved_first(self) -> bool:
        """Whether files hold the layers as `layers`, whatever attributes they are, too."""
        return self._record is not None

    @property
    def saved_class_name(self) -> str:
        """The name of the class that files know; Keras's class of functional models has its own."""
        return "Functional" if type(self) is Model else type(self).__name__

    @property
    def layers(self) -> list[Layer]:
        """The layers directly inside, in order."""
        return self._sublayers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by name or by position.

        Raises:
            ValueError: none or both are given, or there is no such layer.
        """
        if (name is None) == (index is None):
            raise ValueError(
                "Provide either a layer name or layer index at `get_layer`, not both. "
                f"Received: name={name}, index={index}"
            )
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(layers)} layers."
                )
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        known = [layer.name for layer in layers]
        raise ValueError(f"No such layer: {name}. Existing layers are: {known}.")

    @property
    def inputs(self) -> list[KerasTensor]:
        """The input tensors, as a list."""
        return self._need_record().input_tensors

    @property
    def outputs(self) -> list[KerasTensor]:
        """The output tensors, as a list."""
        return self._need_record().output_tensors

    @property
    def input(self) -> Any:
        """The input tensor(s) in the structure given."""
        return self._need_record().inputs

    @property
    def output(self) -> Any:
        """The output tensor(s) in the structure given."""
        return self._need_record().outputs

    @property
    def input_shape(self) -> Any:
        """The shape(s) of the input(s)."""
        return self._need_record().shapes

    @property
    def output_shape(self) -> Any:
        """The shape(s) of the output(s)."""
        return map_structure(lambda tensor: tensor.shape, self._need_record().outputs)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the outputs: those of the layers that make them."""
        return output_names(self._record) if self._record else []

    @property
    def _operations(self) -> list[Any]:
        return self._need_record().operations

    @property
    def _nodes(self) -> list[Any]:
        return self._need_record().nodes

    def _need_record(self) -> Record:
        if self._record is None:
            raise AttributeError(
                f"The model {self.name} has no defined inputs and outputs: it is not functional, "
                "or it is a Sequential model that does not know its input shape yet."
            )
        return self._record

    def build(self, input_shape: Any = None) -> None:
        """Create the variables by tracing `call` on this shape (or a list or dict of shapes)."""
        if self._record is not None or type(self).call is Model.call:
            self.built = True
            return
        names = [n for n in self._call_arguments.names if n not in ("training", "mask", "kwargs")]
        spread = isinstance(input_shape, (list, tuple)) and len(names) == len(input_shape) > 1
        spread = spread and all(isinstance(one, (list, tuple)) for one in input_shape)
        shapes = list(input_shape) if spread else [input_shape]
        args = tuple(map_shapes(lambda s: KerasTensor(s, "float32"), shape) for shape in shapes)
        infer_call(self._run, args, {})
        self.built = True

    def get_config(self) -> dict[str, Any]:
        """Return the graph of a functional model, else the constructor's arguments."""
        if self._record is not None and takes_graph(type(self)):
            return functional_config(self)
        config = Layer.get_config(self)
        own = type(self).get_config is not Model.get_config
        return config if own or type(self).__init__ is Model.__init__ else self._auto_config(config)

    from_config_is_raw = True  # the layers of a graph are read in the order of its calls

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Any:
        """Make a model from `get_config()`.

        Raises:
            ValueError: a class in it is not known, or its calls lead nowhere.
        """
        if all(key in config for key in FUNCTIONAL_KEYS) and takes_graph(cls):
            return functional_from_config(cls, config, custom_objects)
        arguments = {
            key: deserialize_keras_object(value, custom_objects) for key, value in config.items()
        }
        return super().from_config(arguments)

    def to_json(self, **kwargs: Any) -> str:
        """Return the configuration as JSON, for `keras.models.model_from_json`.

        Args:
            kwargs: arguments of `json.dumps`.
        """
        return json.dumps(serialize_keras_object(self), **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """Return the arguments of `compile` as plain data; {} before it."""
        return compile_config(self)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as `get_compile_config()` says."""
        compile_from_config(self, config, Trainer.compile)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build from `get_build_config()`."""
        if not config or self.built:
            return
        shapes = config.get("shapes_dict")
        if shapes is None or type(self).build is not Model.build:
            super().build_from_config(config)
            return
        self._build_shapes_dict = shapes
        tensors = {
            name.removesuffix("_shape"): map_shapes(KerasTensor, shape)
            for name, shape in shapes.items()
        }
        infer_call(self._run, (), tensors)
        self.built = True

    def _maybe_build(self, named: dict[str, Any]) -> None:
        tensors = {
            name: value
            for name, value in named.items()
            if name != "mask" and any(is_tensor_like(leaf) for leaf in flatten(value))
        }
        default = type(self).build is Model.build and self._record is None
        if self.built or not default or len(tensors) < 2:
            super()._maybe_build(named)
            return
        self._build_shapes_dict = {
            f"{name}_shape": map_structure(lambda tensor: tuple(tensor.shape), value)
            for name, value in tensors.items()
        }
        self.built = True  # the call that follows has all its tensors and creates the variables

    def summary(
        self,
        line_length: int | None = None,
        positions: Any = None,
        print_fn: Any = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Any = None,
    ) -> None:
        """Print the layers, their output shapes and parameter counts."""
        print_summary(
            self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range
        )

    def save(
        self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any
    ) -> None:
        """Write the whole model to a `.keras` file: see `keras.saving.save_model`."""
        save_model(self, filepath, overwrite, zipped, **kwargs)

    def export(self, filepath: Any, format: str = "stablehlo", **kwargs: Any) -> None:
        """Write the model as a file that is served without it: see `graphc.export`."""
        export(self, filepath, format, **kwargs)

    def __graphc_export__(self) -> Any:
        if self._record is None and self.built:  # a class of its own
            return Model(inputs := inputs_of(self), self(inputs)).__graphc_export__()
        return super().__graphc_export__()

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None
    ) -> None:
        """Write the weights to a `.weights.h5` file: see `keras.saving.save_weights`."""
        save_weights(self, filepath, overwrite, max_shard_size)

    def load_weights(self, filepath: Any, skip_mismatch: bool = False, **kwargs: Any) -> None:
        """Read the weights from a file: see `keras.saving.load_weights`."""
        load_weights(self, filepath, skip_mismatch, **kwargs)

    def _match_inputs(self, inputs: Any) -> list[Any]:
        """Return the tensors for the record's inputs, in order, with rank and dtype adjusted."""
        record = self._need_record()
        values = flatten(self._by_name(inputs, record))
        if len(values) != len(record.input_tensors):
            raise ValueError(
                f"Layer '{self.name}' expected {len(record.input_tensors)} input(s). "
                f"Received {len(values)} instead."
            )
        pairs = zip(values, record.input_tensors, strict=True)
        return [self._adjust(value, wanted, place) for place, (value, wanted) in enumerate(pairs)]

    def _by_name(self, inputs: Any, record: Record) -> Any:
        if not isinstance(inputs, dict):
            return inputs
        if isinstance(record.inputs, dict):
            missing = sorted(set(record.inputs) - set(inputs))
            wanted = {key: inputs[key] for key in record.inputs if key in inputs}
        else:
            names = [tensor.name for tensor in record.input_tensors]
            missing = [name for name in names if name not in inputs]
            wanted = [inputs[name] for name in names if name in inputs]
        if missing:
            raise ValueError(
                f"Model '{self.name}' got a dictionary without the inputs {missing}. "
                f"Received: keys {sorted(inputs)}"
            )
        return wanted

    def _adjust(self, value: Any, wanted: KerasTensor, place: int) -> Any:
        shape, expected = tuple(value.shape), wanted.shape
        if wanted.dtype == "string":
            return value.fitted(len(expected)) if isinstance(value, HostTensor) else value
        if len(shape) == len(expected) - 1 and expected[-1] == 1:
            value = apply("shape.expand_dims", value, axis=-1)
        elif len(shape) == len(expected) + 1 and shape[-1] == 1:
            value = apply("shape.squeeze", value, axis=-1)
        problem = InputSpec(shape=expected).problem(tuple(value.shape))
        if problem:
            found = (None, *shape[1:]) if expected[:1] == (None,) else shape
            message = (
                f'Input {place} of model "{self.name}" is incompatible with the model: '
                f"expected shape={expected}. Received: shape={found}"
            )
            layer = wanted._keras_history.operation.name
            raise ValueError(located(message, layer, self._source))
        if str(value.dtype) != wanted.dtype:
            mask = get_mask(value)
            value = apply("core.cast", value, dtype=wanted.dtype)
            if mask is not None:
                set_mask(value, mask)
        return value


def _functional_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
    """Return inputs, outputs and the remaining keyword arguments of `Model(...)`."""
    kwargs = dict(kwargs)
    given = dict(zip(("inputs", "outputs", "name"), args, strict=False))
    kwargs.update(given)
    inputs, outputs = kwargs.pop("inputs", None), kwargs.pop("outputs", None)
    if (inputs is None) != (outputs is None):
        raise ValueError(
            "A functional model needs both `inputs` and `outputs`. "
            f"Received: inputs={inputs}, outputs={outputs}"
        )
    return inputs, outputs, kwargs


def output_names(record: Record) -> list[str]:
    """Return a name for each output: its key in a dictionary, else its layer's name."""
    if isinstance(record.outputs, dict):
        return sorted(record.outputs)
    names = [tensor._keras_history.operation.name for tensor in record.output_tensors]
    seen: dict[str, int] = {}
    unique_names = []
    for name in names:
        count = seen.get(name, 0)
        seen[name] = count + 1
        unique_names.append(f"{name}_{count}" if count else name)
    return unique_names
