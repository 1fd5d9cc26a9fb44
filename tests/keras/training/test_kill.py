"""A real training process, killed again and again, ends with the bytes of one that was not."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys
import numpy as np
from graphc import keras

folder = sys.argv[1]
keras.utils.set_random_seed(7)
rng = np.random.default_rng(0)
x = rng.normal(size=(400, 8)).astype("float32")
y = (x @ rng.normal(size=(8, 1))).astype("float32")
model = keras.Sequential([
    keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.BatchNormalization(),
    keras.layers.Dropout(0.2), keras.layers.Dense(1),
])
model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        import time
        time.sleep(0.002)  # so that a kill falls inside a step now and then
callbacks = [
    keras.callbacks.BackupAndRestore(folder + "/backup", save_freq=5),
    keras.callbacks.EarlyStopping("loss", patience=30),
    keras.callbacks.CSVLogger(folder + "/log.csv"), Slow(),
]
print("ready", flush=True)
model.fit(x, y, epochs=40, batch_size=32, verbose=0, callbacks=callbacks, validation_split=0.2)
np.savez(folder + "/final.partial.npz", *model.get_weights())
import os
os.replace(folder + "/final.partial.npz", folder + "/final.npz")
"""


def start(folder: Path) -> subprocess.Popen:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, str(folder)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True,
    )  # fmt: skip


def killed(folder: Path, seconds: float) -> bool:
    """Start the training and kill it so long after it began; return whether it was cut short."""
    process = start(folder)
    assert process.stdout is not None
    while "ready" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(seconds)
    process.kill()
    process.communicate(timeout=60)
    return not (folder / "final.npz").exists()


def train(folder: Path) -> bytes:
    output, _ = start(folder).communicate(timeout=120)
    assert (folder / "final.npz").exists(), output
    return (folder / "final.npz").read_bytes() + (folder / "log.csv").read_bytes()


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_training_ends_to_the_byte(tmp_path: Path, kills: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    expected = train(whole)
    rng = random.Random(kills)
    cut = sum(killed(broken, rng.uniform(0.2, 2.0)) for _ in range(kills))
    assert cut >= 1  # else this tested nothing
    assert train(broken) == expected
