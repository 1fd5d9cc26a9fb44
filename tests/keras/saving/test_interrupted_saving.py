"""A kill or a full disk while a model is written leaves the file that was there."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graphc import keras

SAVE = """
import resource, signal, sys
from graphc import keras
path, limit = sys.argv[1], int(sys.argv[2])
model = keras.Sequential([keras.Input((400,)), keras.layers.Dense(500, kernel_initializer="ones")])
model.compile("sgd", "mse")
save = model.save_weights if path.endswith(".weights.h5") else model.save
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    save(path)
print("ready", flush=True)
while True:
    save(path)
"""
ENDINGS = ("keras", "h5", "weights.h5")


def saved(path: Path) -> None:
    """Save the model that the other process saves, with other weights."""
    model = _model()
    (model.save_weights if path.name.endswith(".weights.h5") else model.save)(path)


def _model() -> keras.Model:
    layer = keras.layers.Dense(500, kernel_initializer="zeros")
    model = keras.Sequential([keras.Input((400,)), layer])
    model.compile("sgd", "mse")
    return model


def kernel_in(path: Path) -> np.ndarray:
    """Return the kernel that a file holds."""
    if not path.name.endswith(".weights.h5"):
        return keras.saving.load_model(path).get_weights()[0]
    model = _model()
    model.load_weights(path)
    return model.get_weights()[0]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_full_disk(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"model.{ending}"
    saved(path)
    whole = path.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", SAVE, str(path), "100000"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "File too large" in done.stderr or "errno = 27" in done.stderr
    assert path.read_bytes() == whole
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_kill(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"model.{ending}"
    saved(path)
    with subprocess.Popen(
        [sys.executable, "-c", SAVE, str(path), "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.25)
        process.send_signal(signal.SIGKILL)
    kernel = kernel_in(path)
    assert np.all(kernel == kernel[0, 0])
    assert kernel[0, 0] in (0.0, 1.0)
