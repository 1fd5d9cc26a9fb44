"""Artifacts: what the loader gives is what the model predicts, for any number of rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import graphc
from graphc import keras
from graphc.artifacts import loader, stablehlo
from graphc.artifacts.direct import processor
from tests.keras.saving.saved_models import MODELS, inputs_of

# One of each family; in some of the others an op has no rule that rows do not depend on another.
FAMILIES = [family for family in MODELS if family != "subclassed"]
CASES = [(family, next(iter(MODELS[family]))) for family in FAMILIES]
LOADER = Path(loader.__file__)


@pytest.mark.parametrize(("family", "name"), CASES, ids=lambda part: part)
def test_an_artifact_gives_what_the_model_predicts(tmp_path: Path, family: str, name: str) -> None:
    keras.utils.set_random_seed(0)
    model = MODELS[family][name](keras)
    graphc.export(model, tmp_path / "model.graphc", platforms=["cpu"])
    served = loader.load(tmp_path / "model.graphc")
    for rows in (1, 5):
        x = inputs_of(model, rows)
        expected = jax.tree.leaves(model.predict(x, batch_size=rows, verbose=0))
        found = jax.tree.leaves(served(*x) if isinstance(x, list) else served(x))
        for one, other in zip(found, expected, strict=True):
            assert one.dtype == other.dtype
            scale = np.max(np.abs(np.asarray(other, "float32")), initial=1.0)
            limit = 1e-2 if one.dtype in (np.float16, jax.numpy.bfloat16) else 1e-5
            np.testing.assert_allclose(
                np.asarray(one, "float32"), np.asarray(other, "float32"), atol=limit * scale
            )


def simple() -> Any:
    """Return a small model, its names the same each time."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    return keras.Sequential([
        keras.Input((4,), name="x"), keras.layers.Dense(8, "relu"),
        keras.layers.BatchNormalization(), keras.layers.Dense(2, name="end"),
    ])  # fmt: skip


def test_one_file_is_for_all_platforms_and_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        simple().export(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    with zipfile.ZipFile(tmp_path / "a") as archive:
        names = set(archive.namelist())
    assert {f"program-{platform}.bin" for platform in ("cpu", "cuda", "tpu")} <= names
    others = {name for name in names if not name.startswith(("program-", "weights/"))}
    assert others == {"signature.json", "direct-cpu.mlir"}


def _printed(folder: Path, script: str, *beside: str) -> str:
    """Return what a script prints in a process of its own, beside copies of the loader and more."""
    for name in ("loader", *beside):
        (folder / f"{name}.py").write_bytes(LOADER.with_name(f"{name}.py").read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_loader_needs_jax_and_numpy_alone(tmp_path: Path) -> None:
    model = simple()
    model.export(tmp_path / "model.graphc")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    script = (
        "import sys, numpy as np, loader\n"
        "y = loader.load('model.graphc')(np.load('x.npy'))\n"
        "np.save('y.npy', y)\n"
        "assert not {'graphc', 'keras', 'flax', 'optax', 'h5py'} & set(sys.modules)\n"
    )
    _printed(tmp_path, script)
    found = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-6)
    assert len(LOADER.read_text().splitlines()) < 300


def test_wrong_inputs_are_named(tmp_path: Path) -> None:
    simple().export(tmp_path / "m", platforms=["cpu"])
    served = loader.load(tmp_path / "m")
    with pytest.raises(
        ValueError, match=r"Expected x: float32\[rows, 4\]. Received: shape \(2, 5\)"
    ):
        served(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="dtype"):
        served(np.zeros((2, 4), "complex64"))
    with pytest.raises(ValueError, match="Expected 1 inputs"):
        served(np.zeros((2, 4)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"Expected the inputs \['x'\]"):
        served(y=np.zeros((2, 4)))
    assert served(x=np.zeros((2, 4))).shape == (2, 2)
    with pytest.raises(loader.ArtifactError, match="has programs for"):
        loader.load(tmp_path / "m", platform="tpu")


def test_what_is_no_artifact_is_refused(tmp_path: Path) -> None:
    simple().export(tmp_path / "m", platforms=["cpu"])
    whole = (tmp_path / "m").read_bytes()
    for size in (0, 10, len(whole) // 2):
        (tmp_path / "n").write_bytes(whole[:size])
        with pytest.raises(loader.ArtifactError, match="whole artifact"):
            loader.load(tmp_path / "n")
    with zipfile.ZipFile(tmp_path / "n", "w") as archive:
        archive.writestr("signature.json", json.dumps({"format": "another"}))
    with pytest.raises(loader.ArtifactError, match="graphc artifact"):
        loader.load(tmp_path / "n")


def test_rows_that_depend_on_one_another_are_refused(tmp_path: Path) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, x - keras.ops.mean(x, axis=0, keepdims=True))
    with pytest.raises(
        ValueError, match=r"any number of rows: 'reduce\.mean'|depend on one another"
    ):
        model.export(tmp_path / "m")
    with pytest.raises(ValueError, match="Unknown export format"):
        simple().export(tmp_path / "m", format="tf")
    with pytest.raises(TypeError, match="expects a model"):
        graphc.export(3, tmp_path / "m")


def directly(folder: Path, end: str = "") -> str:
    """Return what a script prints that serves `x.npy` with jaxlib alone; outputs are in `y.npy`."""
    return _printed(
        folder,
        "import sys, numpy as np, loader\n"
        "served = loader.load('m', 'cpu')\n"
        "np.save('y.npy', served(np.load('x.npy')))\n"
        "print('jax' in sys.modules)\n" + end,
        "direct",
    )


def test_with_direct_beside_it_the_loader_does_without_jax(tmp_path: Path) -> None:
    model = simple()
    model.export(tmp_path / "m")
    for rows in (1, 5):
        x = np.random.default_rng(0).normal(size=(rows, 4)).astype("float32")
        np.save(tmp_path / "x.npy", x)
        assert directly(tmp_path) == "False\n"
        expected = model.predict(x, verbose=0)
        np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


def changed(path: Path, **signature: Any) -> None:
    """Write an artifact anew with other entries of its signature."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    found = json.loads(members["signature.json"]) | signature
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in (members | {"signature.json": json.dumps(found).encode()}).items():
            archive.writestr(name, data)


def test_another_jaxlib_is_reached_through_jax(tmp_path: Path) -> None:
    model = simple()
    model.export(tmp_path / "m", platforms=["cpu"])
    changed(tmp_path / "m", jaxlib="0.0.1")
    x = np.ones((2, 4), "float32")
    np.save(tmp_path / "x.npy", x)
    assert directly(tmp_path) == "True\n"
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), atol=1e-6)


def test_what_is_missing_in_a_jaxlib_is_done_by_jax(tmp_path: Path) -> None:
    model = simple()
    model.export(tmp_path / "m", platforms=["cpu"])
    x = np.ones((2, 4), "float32")
    np.save(tmp_path / "x.npy", x)
    script = (
        "import importlib, types, numpy as np, direct, loader\n"
        "loader._direct = lambda *_: True\n"
        "def without(missing):\n"
        "    def import_module(name):\n"
        "        if name == missing:\n"
        "            raise ImportError(name)\n"
        "        found = vars(importlib.import_module(name))\n"
        "        return types.SimpleNamespace(**{k: v for k, v in found.items() if k != missing})\n"
        "    return types.SimpleNamespace(import_module=import_module)\n"
        "found = []\n"
        "for missing in ('nothing', 'jaxlib._jax', 'make_cpu_client', 'CompileOptions',\n"
        "                'SingleDeviceSharding', 'batched_device_put', 'mlir',\n"
        "                'array_result_handler'):\n"
        "    direct.importlib = without(missing)\n"
        "    served = loader.load('m', 'cpu')\n"
        "    found.append(served(np.load('x.npy')))\n"
        "    alone = isinstance(served.run, direct.Direct) and served.run._instead is None\n"
        "    assert alone == (missing == 'nothing'), missing\n"
        "np.save('y.npy', found)\n"
    )
    _printed(tmp_path, script, "direct")
    for found in np.load(tmp_path / "y.npy"):
        np.testing.assert_allclose(found, model.predict(x, verbose=0), atol=1e-6)


def test_what_jaxlib_alone_cannot_run_goes_through_jax(tmp_path: Path) -> None:
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")]).export(
        tmp_path / "m", platforms=["cpu"]
    )
    with zipfile.ZipFile(tmp_path / "m") as archive:
        assert "direct-cpu.mlir" not in archive.namelist()
    square = jax.ShapeDtypeStruct((*jax.export.symbolic_shape("rows"), 3, 3), "float32")
    for function, runs in ((jax.numpy.linalg.cholesky, False), (jax.numpy.exp, True)):
        program = jax.export.export(jax.jit(function), platforms=["cpu"])(square)
        assert (stablehlo._direct(program) is not None) == runs


def test_compiled_ahead_of_time(tmp_path: Path) -> None:
    model = simple()
    model.export(tmp_path / "m", format="aot", platforms=["cpu"], rows=(2,))
    with zipfile.ZipFile(tmp_path / "m") as archive:
        names = archive.namelist()
    assert any(name.startswith("cache/cpu/") for name in names)
    assert f"compiled/{processor()}/2.bin" in names
    x = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    np.save(tmp_path / "x.npy", x)
    script = (
        "import jax, numpy as np, loader\n"
        "hits = []\n"
        "jax.monitoring.register_event_listener(lambda name, **_: hits.append(name))\n"
        "np.save('y.npy', loader.load('m')(np.load('x.npy')))\n"
        "print('/jax/compilation_cache/cache_hits' in hits)\n"
    )
    assert _printed(tmp_path, script) == "True\n"
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)
    # Without the program, what is compiled of it still runs; other rows do through jax.
    end = (
        "del served.run._members['direct-cpu.mlir']\n"
        "served.run._programs.clear()\n"
        "served(np.zeros((2, 4)))\n"
        "print('jax' in sys.modules)\n"
        "served(np.zeros((3, 4)))\n"
        "print('jax' in sys.modules)\n"
    )
    assert directly(tmp_path, end) == "False\nFalse\nTrue\n"
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), expected, atol=1e-6)


PLACES = """
import sys, jax
import numpy as np
from graphc.artifacts import loader
first, second = jax.devices()
for path in sys.argv[1:]:
    for default, asked, expected in (
        (None, None, first), (None, "cpu", first), (second, None, second), (second, "cpu", second),
    ):
        with jax.default_device(default):
            model = loader.load(path, asked)
        run, seen = model.run._run, []
        def spied(*given):
            seen.append((given, outputs := run(*given)))
            return outputs
        model.run._run = spied
        with jax.default_device(first if expected is second else second):  # it is settled already
            model(np.ones((3, 4), "float32"))
        arrays = jax.tree.leaves(seen)
        assert len(arrays) >= 2 and len(seen) == 1
        assert all(array.devices() == {expected} and array.committed for array in arrays), arrays
print("placed")
"""


def test_the_device_is_settled_when_an_artifact_is_loaded(tmp_path: Path) -> None:
    simple().export(tmp_path / "m", platforms=["cpu"])
    inputs = keras.Input((4,))
    keras.Model(inputs, keras.ops.square(inputs)).export(tmp_path / "none", platforms=["cpu"])
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", PLACES, str(tmp_path / "m"), str(tmp_path / "none")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "placed\n", done.stderr


def test_a_platform_that_is_not_here_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simple().export(tmp_path / "m", platforms=["cpu", "tpu"])
    monkeypatch.setattr(loader, "_direct", lambda *_: False)
    with pytest.raises(loader.ArtifactError, match="Expected a device of the platform 'tpu'"):
        loader.load(tmp_path / "m", platform="tpu")
