"""A cache folder of the test's own, and no network."""

import importlib
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty `datasets` folder of a KERAS_HOME; every download fails."""

    def refuse(url: str, *_: object, **__: object) -> None:
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    folder = tmp_path / "home" / "datasets"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def keras_loader(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], ModuleType]:
    """Real Keras's module of a data set, made to read the file or folder given."""
    os.environ.setdefault("KERAS_BACKEND", "jax")

    def load(name: str, path: Path) -> ModuleType:
        module = importlib.import_module(f"keras.src.datasets.{name}")
        monkeypatch.setattr(module, "get_file", lambda *_, **__: str(path))
        return module

    return load
