"""Each class of attack by configuration published against Keras's loader, in each format."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphc import keras
from tests.keras.saving.hostile_configs import (
    ATTACKS,
    Config,
    become,
    bytecode,
    dense_of,
    named,
    plain_model,
    with_config,
)

FILES = ("keras", "folder", "h5")


def described(change: Callable[[Config], None], model: Any = None) -> Config:
    """Return a model's entry, changed."""
    config = json.loads((model or plain_model()).to_json())
    change(config)
    return config


def _by_json(folder: Path, change: Callable[[Config], None]) -> None:
    keras.models.model_from_json(json.dumps(described(change)))


def _by_config(folder: Path, change: Callable[[Config], None]) -> None:
    keras.Sequential.from_config(described(change)["config"])


def _by_entry(folder: Path, change: Callable[[Config], None]) -> None:
    keras.saving.deserialize_keras_object(described(change))


def _by_layer(folder: Path, change: Callable[[Config], None]) -> None:
    keras.layers.deserialize(described(change)["config"]["layers"][-1])


def _by_file(ending: str) -> Callable[[Path, Callable[[Config], None]], None]:
    def load(folder: Path, change: Callable[[Config], None]) -> None:
        keras.saving.load_model(with_config(folder, ending, change))

    return load


LOADERS = {
    **{ending: _by_file(ending) for ending in FILES},
    "json": _by_json,
    "from_config": _by_config,
    "deserialize_keras_object": _by_entry,
    "layers.deserialize": _by_layer,
}
SHORT = {"deserialize_keras_object": "an object", "layers.deserialize": "a layer"}  # in the table


GUARDED = (
    "subprocess.Popen", "os.system", "socket.create_connection", "urllib.request.urlopen",
    "graphc.keras.saving.serialization.load_lambda",
)  # fmt: skip


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a file that must not be read; no process and no connection is made."""

    def refused(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("the loader ran something of the file")

    for place in GUARDED:
        monkeypatch.setattr(place, refused)
    return tmp_path


@pytest.mark.parametrize("way", LOADERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_configuration_cannot_run_or_read_anything(
    watched: Path, record_property: Any, attack: str, way: str
) -> None:
    record_property("attack", (attack, SHORT.get(way, way)))
    change, message = ATTACKS[attack]
    marker = watched / "marker"
    with pytest.raises(ValueError, match=message):
        LOADERS[way](watched, lambda config: change(dense_of(config), marker))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["Lambda", "Dense", "TextVectorization"])
def test_a_layers_own_from_config_is_safe_too(watched: Path, name: str) -> None:
    key = {"Lambda": "function", "Dense": "activation", "TextVectorization": "standardize"}[name]
    config = {key: bytecode(watched / "marker")} | ({"units": 2} if name == "Dense" else {})
    with pytest.raises(ValueError, match="safe_mode=False"):
        getattr(keras.layers, name).from_config(config)


# What `compile` is given

COMPILED: dict[str, Callable[[Path], dict[str, Any]]] = {
    "loss by bytecode": lambda m: {"loss": bytecode(m)},
    "loss by name": lambda _: {"loss": named("system", "os")},
    "metric by bytecode": lambda m: {"metrics": [[bytecode(m)]]},
    "metric by name": lambda _: {"metrics": [named("get_file", "keras.utils")]},
    "weighted metric by name": lambda _: {"weighted_metrics": [named("eval", "builtins")]},
    "optimizer of any class": lambda _: {"optimizer": {
        "module": "subprocess", "class_name": "Popen", "config": {"args": ["true"]},
        "registered_name": None}},
    "schedule of any class": lambda _: {"optimizer": {
        "module": "keras.optimizers", "class_name": "SGD", "registered_name": None,
        "config": {"learning_rate": {"module": "os", "class_name": "system", "config": {},
                                     "registered_name": None}}}},
}  # fmt: skip


@pytest.mark.parametrize("ending", ["keras", "folder", "json"])
@pytest.mark.parametrize("attack", COMPILED)
def test_compile_arguments_cannot_run_anything(
    watched: Path, record_property: Any, attack: str, ending: str
) -> None:
    record_property("attack", (f"compile: {attack}", ending))
    marker = watched / "marker"

    def change(config: Config) -> None:
        config["compile_config"] = config["compile_config"] | COMPILED[attack](marker)

    with pytest.raises(ValueError, match=r"safe_mode=False|Could not find"):
        LOADERS[ending](watched, change)
    assert not marker.exists()


# Unreasonable sizes

LARGE: dict[str, Callable[[Config], None]] = {
    "units": lambda e: e["config"].update(units=1 << 40),
    "units of one exabyte": lambda e: e["config"].update(units=1 << 58),
    "an embedding": lambda e: become(
        e, "Embedding", {"name": "x", "input_dim": 1 << 33, "output_dim": 64}),
    "many weights": lambda e: become(e, "EinsumDense", {
        "name": "x", "equation": "ab,bc->ac", "output_shape": 1 << 36}),
}  # fmt: skip


@pytest.mark.parametrize("ending", FILES)
@pytest.mark.parametrize("size", LARGE)
def test_a_layer_larger_than_its_file_is_refused(
    tmp_path: Path, record_property: Any, size: str, ending: str
) -> None:
    record_property("attack", (f"size: {size}", ending))
    path = with_config(tmp_path, ending, lambda config: LARGE[size](dense_of(config)))
    with pytest.raises(ValueError, match=r"needs .* bytes"):
        keras.saving.load_model(path)


def test_memory_is_bounded_while_a_large_layer_is_refused(tmp_path: Path) -> None:
    path = with_config(tmp_path, "keras", lambda c: dense_of(c)["config"].update(units=1 << 32))
    code = (
        "import resource, sys; from graphc import keras\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try: keras.saving.load_model(sys.argv[1])\n"
        "except ValueError as error: print('needs' in str(error))\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["True", "True"]


def nested(depth: int) -> Callable[[Config], None]:
    """Return a change that puts a layer into so many Sequential models."""

    def change(config: Config) -> None:
        entry = dense_of(config)
        inner = dict(entry)
        for _ in range(depth):
            inner = {"module": "keras", "class_name": "Sequential", "registered_name": None,
                     "config": {"layers": [inner]}}  # fmt: skip
        entry.clear()
        entry |= inner

    return change


@pytest.mark.parametrize("way", ["keras", "folder", "json"])
def test_models_within_models_without_end(tmp_path: Path, way: str) -> None:
    with pytest.raises(ValueError, match=r"too deep|JSON"):
        LOADERS[way](tmp_path, nested(300))


@pytest.mark.parametrize("way", LOADERS)
@pytest.mark.parametrize("value", ["x", 3, None, [], [1], {"a": 1}], ids=repr)
def test_a_model_without_layers(tmp_path: Path, way: str, value: Any) -> None:
    if way == "layers.deserialize":
        return

    def change(config: Config) -> None:
        config["config"] = value

    with pytest.raises((ValueError, TypeError)):
        LOADERS[way](tmp_path, change)
