"""Writes models of Keras 3 as Keras 2 wrote its own: JSON and `.h5` by the older layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

RECURRENT = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D")
NESTED = ("Functional", "Sequential")


def old(entry: Any) -> Any:
    """Return the configuration of an object, and of all in it, as Keras 2 wrote it."""
    if isinstance(entry, (list, tuple)):
        return [old(item) for item in entry]
    if not isinstance(entry, dict):
        return entry
    if "class_name" not in entry:
        return {key: old(value) for key, value in entry.items()}
    name = entry["class_name"]
    if name == "DTypePolicy":
        return entry["config"]["name"]
    if name == "function":
        return entry["config"]
    found = {"class_name": name, "config": old(entry["config"])}
    found["config"] = _arguments(name, found["config"])
    if "inbound_nodes" in entry:
        found["name"] = entry["name"]
        found["inbound_nodes"] = [_node(node) for node in entry["inbound_nodes"]]
    return found


def _arguments(name: str, config: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in config.items() if key not in ("optional", "seed")}
    if name == "InputLayer":
        config["batch_input_shape"] = config.pop("batch_shape")
        config |= {"sparse": False, "ragged": False}
    if name == "BatchNormalization":
        config = {key: value for key, value in config.items() if "renorm" not in key}
        config["axis"] = [config["axis"]]
        config.pop("synchronized", None)
    if name in RECURRENT:
        config |= {"implementation": 2, "time_major": False}
    if name in NESTED and "layers" in config:
        return _graph(config)
    return config


def _graph(config: dict[str, Any]) -> dict[str, Any]:
    """Count the calls of nested models from 1, and write a single end as a list."""
    kinds = {one.get("name"): one["class_name"] for one in config["layers"]}
    nested = {name for name, kind in kinds.items() if kind in NESTED}
    for one in config["layers"]:
        for node in one.get("inbound_nodes", ()):
            for place in node:
                place[1] += place[0] in nested
    for key in ("input_layers", "output_layers"):
        if key not in config:
            continue
        ends = config[key]
        ends = [ends] if isinstance(ends[0], str) else ends
        config[key] = [[name, n + (kinds[name] == "Sequential"), at] for name, n, at in ends]
    return config


def _node(node: dict[str, Any]) -> list[Any]:
    """Return a call as [layer, call, output, arguments] for each tensor of its first argument."""
    given, *others = node["args"]
    tensors = given if isinstance(given, list) else [given]
    given_kwargs = dict(node["kwargs"])
    tensors = [*tensors, *(given_kwargs.pop("initial_state", None) or ())]  # of recurrent layers
    kwargs = {key: _leaf(value) for key, value in given_kwargs.items() if value is not None}
    if others:  # only attention is called so
        kwargs |= dict(zip(("value", "key"), map(_leaf, others), strict=False))
    return [[*_leaf(tensor), kwargs] for tensor in tensors]


def _leaf(value: Any) -> Any:
    tensor = isinstance(value, dict) and value.get("class_name") == "__keras_tensor__"
    return list(value["config"]["keras_history"]) if tensor else value


def old_json(model: Any) -> dict[str, Any]:
    """Return what `model.to_json()` gave, parsed."""
    given = json.loads(model.to_json())
    return old(given) | {"keras_version": "2.10.0", "backend": "tensorflow"}


def write_old(
    path: Path,
    model: Any,
    training: dict[str, Any] | None = None,
    slots: Sequence[tuple[str, np.ndarray]] = (),
) -> None:
    """Write a `.h5` file: the model, how it was compiled, and the optimizer's weights by name."""
    config = old_json(model)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.10.0", b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            _put(group.create_group(layer.name), [(w.path, np.asarray(w.value)) for w in weights])
        if slots:
            _put(file.create_group("optimizer_weights"), slots)


def _put(group: h5py.Group, arrays: Sequence[tuple[str, np.ndarray]]) -> None:
    names = [f"{name}:0" for name, _ in arrays]
    group.attrs["weight_names"] = np.array([name.encode() for name in names], dtype="S")
    for name, (_, array) in zip(names, arrays, strict=True):
        group[name] = array
