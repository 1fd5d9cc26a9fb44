"""Configurations made to harm: what may be said in place of a layer, and where it is put."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from graphc import keras

Config = dict[str, Any]
Change = Callable[[Config, Path], None]


def plain_model() -> Any:
    """Return a small compiled model."""
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")])
    model.compile("sgd", "mse")
    return model


def with_config(
    folder: Path, ending: str, change: Callable[[Config], None], model: Any = None
) -> Path:
    """Return a saved model whose configuration was changed afterwards."""
    model = model or plain_model()
    if ending == "h5":
        path = folder / "model.h5"
        model.save(path)
        with h5py.File(path, "r+") as file:
            del file.attrs["graphc_digest"]  # as in a file of Keras
            config = json.loads(file.attrs["model_config"])
            change(config)
            file.attrs["model_config"] = json.dumps(config).encode()
        return path
    path = folder / "saved"
    model.save(path, zipped=False)
    config = json.loads((path / "config.json").read_text())
    change(config)
    (path / "config.json").write_text(json.dumps(config))
    (path / "metadata.json").write_text("{}")  # without a digest, as in a folder of Keras
    return path if ending == "folder" else zipped(path, folder / "model.keras")


def zipped(folder: Path, target: Path) -> Path:
    """Return a `.keras` file of a folder's files."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    return target


def dense_of(config: Config) -> Config:
    """Return the entry of the Dense layer."""
    return next(e for e in config["config"]["layers"] if e["class_name"] == "Dense")


def become(entry: Config, class_name: str, config: Config, **rest: Any) -> None:
    """Make an entry that of another class."""
    entry.clear()
    entry |= {"module": "keras.layers", "class_name": class_name, "config": config,
              "registered_name": None} | rest  # fmt: skip


def bytecode(marker: Path) -> Config:
    """Return a lambda as bytecode, which would make a file when called."""
    made = eval(f"lambda x: open({str(marker)!r}, 'w') and x")
    entry = keras.saving.serialize_keras_object(made)
    assert entry["class_name"] == "__lambda__"
    return entry


def named(name: str, module: str) -> Config:
    """Return a reference to a function by name."""
    return {"class_name": "function", "config": name, "module": module, "registered_name": name}


# What a configuration may say in place of the Dense layer: (its entry, what the error says).
ATTACKS: dict[str, tuple[Change, str]] = {
    "lambda bytecode": (
        lambda e, marker: become(e, "Lambda", {"name": "x", "function": bytecode(marker)}),
        "safe_mode=False",
    ),
    "lambda bytecode in a wrapper": (
        lambda e, marker: become(e, "TimeDistributed", {"name": "x", "layer": {
            "module": "keras.layers", "class_name": "Lambda", "registered_name": None,
            "config": {"function": bytecode(marker)}}}),
        "safe_mode=False",
    ),
    "lambda bytecode as an activation": (
        lambda e, marker: e["config"].update(activation=bytecode(marker)),
        "safe_mode=False",
    ),
    "lambda bytecode of Keras 2": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": bytecode(marker)["config"]["value"],
            "function_type": "lambda"}),
        "safe_mode=False|Unrecognized keyword",
    ),
    "any Python function": (
        lambda e, _: become(e, "Lambda", {"name": "x", "function": named("system", "os")}),
        "Could not find 'system'",
    ),
    "any Python function as an activation": (
        lambda e, _: e["config"].update(activation=named("eval", "builtins")),
        "Could not find 'eval'",
    ),
    "any Python class": (
        lambda e, _: become(e, "Popen", {"args": ["touch", "x"]}, module="subprocess"),
        "Could not find 'Popen'",
    ),
    "a module of ours that is no part of Keras's API": (
        lambda e, _: become(e, "Path", {"args": ["x"]}, module="keras.saving.atomic"),
        "Could not find 'Path'",
    ),
    "a downloader": (
        lambda e, _: become(e, "Lambda", {
            "name": "x", "function": named("get_file", "keras.utils"),
            "arguments": {"origin": "http://127.0.0.1:9/x"}}),
        "Could not find 'get_file'",
    ),
    "unsafe mode switched on": (
        lambda e, _: become(e, "Lambda", {
            "name": "x", "function": named("enable_unsafe_deserialization", "keras.config")}),
        "Could not find 'enable_unsafe_deserialization'",
    ),
    "unsafe mode asked for in the file": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": bytecode(marker), "safe_mode": False}),
        "safe_mode=False|safe_mode",
    ),
    "a vocabulary that is a file": (
        lambda e, marker: become(e, "StringLookup", {"name": "x", "vocabulary": str(marker)}),
        "vocabulary file outside",
    ),
    "a vocabulary that is an address": (
        lambda e, _: become(e, "TextVectorization", {
            "name": "x", "vocabulary": "http://127.0.0.1:9/words"}),
        "vocabulary file outside",
    ),
    "a pickled PyTorch module": (
        lambda e, _: become(e, "TorchModuleWrapper", {"name": "x", "module": "gASVAA=="}),
        "Could not find|safe_mode",
    ),
    "a SavedModel": (
        lambda e, marker: become(e, "TFSMLayer", {"name": "x", "filepath": str(marker)}),
        "Could not find|safe_mode",
    ),
    "bytecode that the layer itself would read": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": bytecode(marker)["config"], "output_shape": [3]}),
        "safe_mode=False|callable",
    ),
    "bytecode as an initializer": (
        lambda e, marker: e["config"].update(kernel_initializer=bytecode(marker)),
        "safe_mode=False",
    ),
    "bytecode in a list of arguments": (
        lambda e, marker: e["config"].update(kernel_regularizer=[{"a": bytecode(marker)}]),
        "safe_mode=False",
    ),
    "a function with a path": (
        lambda e, _: e["config"].update(activation=named("os.system", "builtins")),
        "Could not find 'os.system'",
    ),
    "a module's attribute in Keras's own packages": (
        lambda e, _: e["config"].update(
            activation=named("system", "keras.src.utils.file_utils.os")),
        "Could not find 'system'",
    ),
    "a class that calls when it is made": (
        lambda e, _: become(e, "Config", {"x": 1}, module="types", registered_name="os>system"),
        "Could not find|from_config",
    ),
    "another file, loaded without safe mode": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": named("load_model", "keras.models"),
            "arguments": {"filepath": str(marker), "safe_mode": False}}),
        "Could not find 'load_model'",
    ),
    "a configuration, read without safe mode": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": named("deserialize", "keras.losses"),
            "arguments": {"name": bytecode(marker), "safe_mode": False}}),
        "Could not find 'deserialize'|safe_mode=False",
    ),
    "an extractor of archives": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "function": named("extract_archive", "keras.utils.file_utils"),
            "arguments": {"path": str(marker)}}),
        "Could not find 'extract_archive'",
    ),
    "a class where a function should be": (
        lambda e, marker: become(e, "Lambda", {
            "name": "x", "arguments": {"vocabulary": str(marker)}, "function": {
                "class_name": "class", "config": "StringLookup", "module": "keras.layers",
                "registered_name": "class"}}),
        "Expected `function` to be a function",
    ),
    "an operation that is none": (
        lambda e, _: become(e, "__import__", {"name": "x"}, module="keras.src.ops.numpy"),
        "Could not find|Expected",
    ),
    "a vocabulary of numbers that is a file": (
        lambda e, marker: become(e, "IntegerLookup", {"name": "x", "vocabulary": str(marker)}),
        "vocabulary file outside",
    ),
    "a vocabulary in a wrapper that is a file": (
        lambda e, marker: become(e, "TimeDistributed", {"name": "x", "layer": {
            "module": "keras.layers", "class_name": "StringLookup", "registered_name": None,
            "config": {"vocabulary": str(marker)}}}),
        "vocabulary file outside",
    ),
    "a pickle in a custom class": (
        lambda e, _: become(e, "PickledLayer", {"data": "gASVAA=="}, module="pickle",
                            registered_name="pickle>loads"),
        "Could not find",
    ),
}  # fmt: skip
