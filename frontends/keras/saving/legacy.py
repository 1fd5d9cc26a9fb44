"""`.h5` files of older Keras: a model in the attributes of an HDF5 file, weights by layer's name.

    attrs: model_config, training_config (JSON), keras_version, backend
    model_weights/            attrs: layer_names
        <layer>/              attrs: weight_names, each the path of a data set below
    optimizer_weights/        attrs: weight_names

A file of weights alone has what is in `model_weights` at its root.
"""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graphc.keras.release import __version__
from graphc.keras.saving.archive import config_of, describing, model_of
from graphc.keras.saving.hdf5 import (
    FileFormatError,
    attribute,
    group_at,
    names_in,
    needed_array,
    put,
    reading,
)
from graphc.keras.saving.legacy_config import compile_arguments, modern
from graphc.keras.saving.names import built_in
from graphc.keras.saving.registration import get_registered_object
from graphc.keras.saving.seal import read, written
from graphc.keras.saving.serialization import deserialize_keras_object, serialize_keras_object

WEIGHTS, SLOTS, OWN = "model_weights", "optimizer_weights", "top_level_model_weights"
ATTRIBUTE_LIMIT = 64512  # bytes of one attribute that HDF5 holds
Pairs = list[tuple[Any, np.ndarray]]  # a variable, and its new value


def save_model(model: Any, path: Path, include_optimizer: bool) -> None:
    """Write a whole model in the older layout; its folder is made where it is missing."""
    entry = serialize_keras_object(model)
    compiled = entry.get("compile_config") if include_optimizer else None
    config = {"class_name": entry["class_name"], "config": entry["config"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        _put_texts(file)
        file.attrs["model_config"] = json.dumps(config).encode()
        _save_weights(file.create_group(WEIGHTS), model)
        if not compiled or model.optimizer is None:
            return
        file.attrs["training_config"] = json.dumps(_training_config(compiled)).encode()
        _put_all(file.create_group(SLOTS), model.optimizer.variables)


def _training_config(compiled: dict[str, Any]) -> dict[str, Any]:
    names = ("loss_weights", "metrics", "weighted_metrics")
    config = {"loss": _full_names(compiled.get("loss"))}
    config |= {name: compiled.get(name) for name in names}
    return config | {"optimizer_config": compiled["optimizer"]}


def _full_names(loss: Any) -> Any:
    """Return what `compile` was given as losses, without "mse" and the like: Keras reads none."""
    if isinstance(loss, str):
        return _built_in_name(loss)
    if isinstance(loss, list):
        return [_full_names(item) for item in loss]
    if isinstance(loss, dict) and "class_name" not in loss:
        return {key: _full_names(item) for key, item in loss.items()}
    return loss


def _built_in_name(loss: str) -> str:
    function = built_in(loss, "keras.losses")
    return loss if function is None else function.__name__


def _put_texts(group: Any) -> None:
    group.attrs["keras_version"] = __version__.encode()
    group.attrs["backend"] = b"jax"


def _save_weights(group: h5py.Group, model: Any) -> None:
    _put_names(group, "layer_names", [layer.name for layer in model.layers])
    _put_texts(group)
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _put_all(group.create_group(layer.name), _weights(layer))
    _put_all(group.create_group(OWN), _own(model))


def _put_all(group: h5py.Group, variables: list[Any]) -> None:
    names = _told_apart([variable.path for variable in variables])
    _put_names(group, "weight_names", names)
    for name, variable in zip(names, variables, strict=True):
        value = variable.numpy()
        wide = value.astype("float32") if variable.dtype == "bfloat16" else value
        put(group, name, wide)  # Keras reads bfloat16 from `.keras` files alone


def _told_apart(names: list[str]) -> list[str]:
    """Return names of which each is used once: an optimizer may give two variables the same."""
    seen: Counter[str] = Counter()
    found: list[str] = []
    for name in names:
        found.append(f"{name}_{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found


def _put_names(group: h5py.Group, name: str, texts: list[str]) -> None:
    """Write strings as an attribute, or as several where HDF5 could not hold one."""
    array = np.array([text.encode() for text in texts])
    parts = -(-array.nbytes // ATTRIBUTE_LIMIT)
    if parts <= 1:
        group.attrs[name] = array
        return
    for number, part in enumerate(np.array_split(array, 2 * parts)):
        group.attrs[f"{name}{number}"] = part


def load_model(path: Path, custom_objects: Any, compiled: bool, safe_mode: bool) -> Any:
    """Return the model of a file that Keras 2, Keras 3 or `save_model` wrote.

    Raises:
        ValueError: it holds no model, names what is not known, or is damaged.
    """
    with read(path) as file:
        with describing(path):
            config = modern(_json(file, "model_config", path))
        size = path.stat().st_size
        model = model_of(config, path, custom_objects, compiled, safe_mode, size)
        weights = group_at(file, WEIGHTS)
        if weights is None:
            raise FileFormatError(f"Expected a group '{WEIGHTS}' in {path}. Received: none")
        _assign(_in_order(weights, model, False))
        if compiled:
            _compile(model, file, path, custom_objects, safe_mode)
    return model


def _json(file: h5py.File, name: str, path: Path) -> dict[str, Any]:
    with reading(f"attribute '{name}' of {path}"):
        text = attribute(file, name) if name in file.attrs else None
    if text is None:
        raise ValueError(f"No model config found in the file at {path}: it may hold weights only.")
    return config_of(text, f"attribute '{name}' of {path}")


def _compile(model: Any, file: h5py.File, path: Path, custom_objects: Any, safe_mode: bool) -> None:
    if "training_config" not in file.attrs:
        warnings.warn(
            f"{path} does not say how its model was compiled: call `compile()`.", stacklevel=5
        )
        return
    with describing(path):
        config = compile_arguments(_json(file, "training_config", path))
        found = deserialize_keras_object(config, custom_objects, safe_mode)
        named = ("loss", "metrics", "weighted_metrics")
        model.compile(**found | {name: _custom(found[name], custom_objects) for name in named})
    slots = group_at(file, SLOTS)
    if slots is None or not model.built:
        return
    model.optimizer.build(model.trainable_variables)
    names = names_in(slots, "weight_names")
    store = {str(place): needed_array(slots, name) for place, name in enumerate(names)}
    model.optimizer.load_own_variables(store)


def _custom(value: Any, custom_objects: Any) -> Any:
    """Return losses or metrics with those of the user for their names: `compile` knows none."""
    if isinstance(value, str):
        found = get_registered_object(value, custom_objects)
        return value if found is None else found() if isinstance(found, type) else found
    if isinstance(value, dict):
        return {key: _custom(item, custom_objects) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_custom(item, custom_objects) for item in value]
    return value


def load_weights(model: Any, path: Path, by_name: bool, skip_mismatch: bool) -> None:
    """Read the weights of an older file; nothing is changed unless everything fits.

    Args:
        model: a built model.
        path: a file of weights, or of a whole model.
        by_name: into the layers that are named as in the file, else in their order.
        skip_mismatch: warn of what does not fit, and load the rest.

    Raises:
        ValueError: the file is damaged, or does not fit.
    """
    with read(path) as file:
        whole = "layer_names" not in file.attrs and WEIGHTS in file
        group = group_at(file, WEIGHTS) if whole else file
        _assign((_by_name if by_name else _in_order)(group, model, skip_mismatch))


def _in_order(group: Any, model: Any, skip_mismatch: bool) -> Pairs:
    saved = [(name, values) for name, values in _saved(group) if values]
    layers = [layer for layer in model.layers if _weights(layer)]
    if len(saved) != len(layers):
        raise ValueError(
            "Layer count mismatch when loading weights from file. "
            f"Model expected {len(layers)} layers, found {len(saved)} saved layers."
        )
    pairs: Pairs = []
    for layer, (name, values) in zip(layers, saved, strict=True):
        what = f"layer '{layer.name}' ('{name}' in the file)"
        pairs += _matched(_weights(layer), values, what, skip_mismatch)
    return pairs + _own_pairs(group, model, skip_mismatch)


def _by_name(group: Any, model: Any, skip_mismatch: bool) -> Pairs:
    pairs: Pairs = []
    for name, values in _saved(group):
        for layer in model.layers:
            if layer.name == name:
                pairs += _matched(_weights(layer), values, f"layer '{name}'", skip_mismatch)
    return pairs + _own_pairs(group, model, skip_mismatch)


def _saved(group: Any) -> Iterator[tuple[str, list[np.ndarray]]]:
    for name in names_in(group, "layer_names"):
        layer = group_at(group, name)
        if layer is None:
            raise FileFormatError(f"The file names a layer '{name}'. Received: no group of it")
        yield name, [needed_array(layer, weight) for weight in names_in(layer, "weight_names")]


def _own_pairs(group: Any, model: Any, skip_mismatch: bool) -> Pairs:
    own = group_at(group, OWN)
    if own is None:
        return []
    values = [needed_array(own, name) for name in names_in(own, "weight_names")]
    return _matched(_own(model), values, f"model '{model.name}' itself", skip_mismatch)


def _matched(variables: list[Any], values: list[Any], what: str, skip_mismatch: bool) -> Pairs:
    """Pair variables with values; what does not fit is an error, or left out with a warning."""
    if len(variables) != len(values):
        _differ(
            f"Weight count mismatch for {what}. Layer expects {len(variables)} weight(s). "
            f"Received {len(values)} saved weight(s)", skip_mismatch,
        )  # fmt: skip
        return []
    pairs: Pairs = []
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) == value.shape:
            pairs.append((variable, value))
            continue
        _differ(
            f"Shape mismatch in {what} for weight {variable.path}. Weight expects shape "
            f"{tuple(variable.shape)}. Received saved weight with shape {value.shape}",
            skip_mismatch,
        )
    return pairs


def _differ(message: str, skip_mismatch: bool) -> None:
    if not skip_mismatch:
        raise ValueError(message)
    warnings.warn(f"Skipped: {message}", stacklevel=6)


def _assign(pairs: Pairs) -> None:
    for variable, value in pairs:
        variable.assign(value)


def _weights(layer: Any) -> list[Any]:
    """Return a layer's weights in the order of older files: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _own(model: Any) -> list[Any]:
    """Return the weights that the model has besides those of its layers."""
    inside = {id(weight) for layer in model.layers for weight in layer.weights}
    return [weight for weight in _weights(model) if id(weight) not in inside]
