"""`clone_model`: the same graph of new layers, with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphc.keras.engine.operation import OpOperation
from graphc.keras.engine.structure import flatten, map_structure, pack_as, structure_of
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.models.configuration import is_functional, takes_graph
from graphc.keras.models.input_layer import Input, InputLayer
from graphc.keras.models.model import Model
from graphc.keras.models.sequential import Sequential
from graphc.keras.saving import (
    custom_object_scope,
    deserialize_keras_object,
    serialize_keras_object,
)
from graphc.keras.saving.contexts import carrying

Function = Callable[..., Any]


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Function | None = None,
    call_function: Function | None = None,
    recursive: bool = False,
) -> Any:
    """Return a model like `model` made of new layers, with fresh weights; compiled if that was.

    Args:
        model: a functional or Sequential model, or any with a configuration.
        input_tensors: KerasTensors to start from, in the structure of `model.input`; new inputs
            when not given.
        clone_function: layer -> layer; a layer from the same configuration when not given.
        call_function: (layer, *args, **kwargs) -> outputs, instead of `layer(*args, **kwargs)`.
        recursive: clone the layers of models inside one by one, too.

    Raises:
        ValueError: an argument that this kind of model cannot take, or inputs of another structure.
    """
    return _clone(model, _Cloner(clone_function, call_function, recursive), input_tensors)


class _Cloner:
    """What to do with each layer; a layer that is met twice is cloned once."""

    def __init__(
        self, clone_function: Function | None, call_function: Function | None, recursive: bool
    ) -> None:
        self.given = clone_function
        self.call = call_function
        self.recursive = recursive
        self.made: dict[int, tuple[Any, Any]] = {}  # the original is kept, so that its id is

    def clone(self, layer: Any) -> Any:
        """Return the new layer for an old one."""
        if id(layer) not in self.made:
            self.made[id(layer)] = (layer, self._new(layer))
        return self.made[id(layer)][1]

    def _new(self, layer: Any) -> Any:
        if self.recursive and isinstance(layer, Sequential):
            return _clone_sequential(layer, self, None)
        if self.recursive and is_functional(layer):
            return _clone_functional(layer, self, None)
        return _remade(layer) if self.given is None else self.given(layer)


def _remade(layer: Any, *aspects: str) -> Any:
    """Return a layer from a layer's configuration; custom classes and functions stay the same."""
    with carrying() as carried:
        entry = serialize_keras_object(layer)
    aspects = ("module", "class_name", "config", "registered_name", *aspects)
    entry = {key: entry[key] for key in aspects if key in entry}
    return deserialize_keras_object(entry, custom_objects=carried, safe_mode=False)


def _clone(model: Any, cloner: _Cloner, input_tensors: Any) -> Any:
    if isinstance(model, Sequential):
        if cloner.call is not None:
            raise ValueError(
                "A Sequential model has no calls to replace. Expected `call_function` only with "
                f"functional models. Received: model={model} and call_function={cloner.call}"
            )
        return _compiled_like(model, _clone_sequential(model, cloner, input_tensors))
    own_config = type(model).get_config is not Model.get_config
    chosen = cloner.given is not None or input_tensors is not None
    if is_functional(model) and (chosen or not own_config):
        return _compiled_like(model, _clone_functional(model, cloner, input_tensors))
    if chosen or cloner.call is not None:
        raise ValueError(
            "Expected `clone_function`, `call_function` and `input_tensors` only with functional "
            f"and Sequential models. Received: a model of type {type(model).__name__}"
        )
    return _compiled_like(model, _remade(model, "build_config"))


def _clone_sequential(model: Sequential, cloner: _Cloner, input_tensors: Any) -> Sequential:
    layers = [cloner.clone(layer) for layer in model.layers]
    start = model._input_layer
    if input_tensors is not None:
        tensors = flatten(input_tensors)
        if len(tensors) != 1 or not isinstance(tensors[0], KerasTensor):
            raise ValueError(
                "Expected `input_tensors` to be a single KerasTensor for a Sequential model. "
                f"Received: input_tensors={input_tensors}"
            )
        tensor = tensors[0]
        begins = isinstance(tensor._keras_history.operation, InputLayer)
        layers.insert(0, tensor if begins else Input(batch_shape=tensor.shape, dtype=tensor.dtype))
    elif start is not None:
        layers.insert(0, InputLayer.from_config(start.get_config()))
    clone = Sequential(layers, name=model.name)
    clone._trainable = model._trainable
    return clone


def _clone_functional(model: Any, cloner: _Cloner, input_tensors: Any) -> Any:
    record = model._record
    inputs = map_structure(_new_input, model.input) if input_tensors is None else input_tensors
    if structure_of(inputs) != structure_of(model.input):
        raise ValueError(
            "Expected `input_tensors` in the structure of `model.input`, "
            f"{structure_of(model.input)}. Received: {structure_of(inputs)}"
        )
    env = {id(old): new for old, new in zip(record.input_tensors, flatten(inputs), strict=True)}
    for node in record.nodes:
        if node.is_input or all(id(tensor) in env for tensor in node.outputs):
            continue
        args, kwargs = node.arguments.fill_in(env)
        results = flatten(_called(node.operation, cloner, args, kwargs))
        env.update({id(old): new for old, new in zip(node.outputs, results, strict=True)})
    outputs = pack_as(record.outputs, [env[id(tensor)] for tensor in record.output_tensors])
    cls = type(model) if takes_graph(type(model)) else Model
    clone = cls(inputs, outputs, name=model.name)
    clone._trainable = model._trainable
    return clone


def _new_input(tensor: KerasTensor) -> KerasTensor:
    name = tensor._keras_history.operation.name
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _called(operation: Any, cloner: _Cloner, args: Any, kwargs: Any) -> Any:
    if isinstance(operation, OpOperation):
        outputs = operation(*args, **kwargs)
        flatten(outputs)[0]._keras_history.operation.name = operation.name
        return outputs
    layer = cloner.clone(operation)
    if cloner.call is None:
        return layer(*args, **kwargs)
    return cloner.call(layer, *args, **kwargs)


def _compiled_like(model: Any, clone: Any) -> Any:
    """Compile the clone as the model is: with new optimizer, losses and metrics."""
    if not model.compiled:
        return clone
    with carrying() as carried:
        config = model.get_compile_config()
    if config:
        with custom_object_scope(carried):
            clone.compile_from_config(config)
    return clone
