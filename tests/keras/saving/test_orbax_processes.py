"""Checkpoints across processes: more and fewer devices, and a kill at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from graphc import keras

MODEL = """
import sys, warnings
import jax, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from graphc import keras
warnings.simplefilter("ignore")
folder = sys.argv[1]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(32, 8)).astype("float32"), rng.normal(size=(32, 4)).astype("float32")

def model_of():
    keras.utils.set_random_seed(3)
    one, two = keras.layers.Dense(16, "relu", name="one"), keras.layers.Dense(4, name="two")
    model = keras.Sequential([keras.Input((8,)), one, keras.layers.Dropout(0.1), two], name="net")
    model.compile("adam", "mse")
    return model

def spread(variables):  # the last axis over all devices
    mesh = Mesh(np.array(jax.devices()), ("model",))
    for v in variables:
        spec = PartitionSpec(*[None] * (v.ndim - 1), "model") if v.ndim else PartitionSpec()
        v.assign(jax.device_put(v.numpy(), NamedSharding(mesh, spec)))

def state(model):
    every = (*model.weights, *model.optimizer.variables)
    return {v.path: v.numpy() for v in every}
"""
SAVE = """
model = model_of()
spread(model.weights)
callback = keras.callbacks.OrbaxCheckpoint(folder, max_to_keep=None)
model.fit(x, y, batch_size=8, epochs=2, verbose=0, shuffle=False, callbacks=[callback])
assert len(model.layers[0].kernel.value.sharding.device_set) == 4
np.savez(folder + ".npz", **state(model))
"""
RESTORE = """
model = model_of()
count = len(jax.devices())
if count > 1:
    spread(model.weights)
model.load_weights(folder)
np.savez(f"{folder}-{count}.npz", **state(model))
slots = model.optimizer.variables
velocity = next(v for v in slots if v.path.endswith("one_kernel_velocity"))
for variable in (model.layers[0].kernel, velocity):
    sharding = variable.value.sharding
    assert len(sharding.device_set) == count, (variable.path, sharding)
    shard = variable.value.addressable_shards[0].data
    assert shard.shape == (8, 16 // count), shard.shape
model.fit(x, y, batch_size=8, epochs=1, verbose=0)
whole = keras.saving.load_model(folder)
assert all(np.array_equal(a.numpy(), b) for a, b in zip(whole.weights, np.load(
    folder + ".npz").values()))
"""
TRAIN = """
class Say(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        print("epoch", epoch, flush=True)
model = model_of()
callback = keras.callbacks.OrbaxCheckpoint(folder, max_to_keep=2)
model.fit(x, y, batch_size=8, epochs=100000, verbose=0, shuffle=False, callbacks=[callback, Say()])
"""
RESUME = """
model = keras.saving.load_model(folder)
done = int(model.optimizer.iterations) // 4
model.fit(x, y, batch_size=8, initial_epoch=done, epochs=done + 2, verbose=0, shuffle=False)
other = model_of()
other.fit(x, y, batch_size=8, epochs=done + 2, verbose=0, shuffle=False)
for one, two in zip(
    (*model.weights, *model.optimizer.variables), (*other.weights, *other.optimizer.variables)
):
    assert one.numpy().tobytes() == two.numpy().tobytes(), one.path
print("resumed", done)
"""


def started(script: str, folder: Path, devices: int = 1) -> subprocess.Popen[str]:
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, "-c", MODEL + script, str(folder)],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors[-3000:]
    return output


def test_shards_of_four_devices_go_to_two_and_to_one(tmp_path: Path) -> None:
    folder = tmp_path / "steps"
    finished(started(SAVE, folder, devices=4))
    expected = np.load(f"{folder}.npz")
    restoring = [started(RESTORE, folder, devices=count) for count in (2, 1)]
    for process, count in zip(restoring, (2, 1), strict=True):
        finished(process)
        found = np.load(f"{folder}-{count}.npz")
        assert found.files == expected.files
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_a_killed_training_goes_on_from_its_last_whole_checkpoint(tmp_path: Path) -> None:
    folder = tmp_path / "steps"
    with started(TRAIN, folder) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "epoch 5\n":
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    model = keras.saving.load_model(folder)
    assert int(model.optimizer.iterations) >= 4 * 4
    assert "resumed" in finished(started(RESUME, folder))
