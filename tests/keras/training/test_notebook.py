"""Ctrl-C in a loop that runs cells, as a notebook does: prompt, and the model is still good."""

import os
import signal
import subprocess
import sys
import time

import pytest

KERNEL = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
names = {}
cell = []
for line in sys.stdin:
    if line != "---\\n":
        cell.append(line)
        continue
    try:
        exec(compile("".join(cell), "<cell>", "exec"), names)
        print("done", flush=True)
    except KeyboardInterrupt:
        print("stopped", flush=True)
    cell = []
"""
BUILD = """
import numpy as np
from graphc import keras
keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(20000, 64)).astype("float32")
y = x[:, :1] * 2
layers = [keras.Input((64,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(1)]
model = keras.Sequential(layers)
model.compile("adam", "mse")
model.fit(x, y, batch_size=32, verbose=0)  # compiles what the cells run
model.fit(iter([(x[:32], y[:32])]), verbose=0)

class Told(keras.callbacks.Callback):
    def on_train_begin(self, logs=None):
        print("begun", flush=True)

class Slow(Told):
    def on_epoch_begin(self, epoch, logs=None):
        import time
        time.sleep(600)

def slow():
    import time
    while True:
        yield x[:32], y[:32]
        time.sleep(600)
"""
FITS = {
    "arrays": "model.fit(x, y, batch_size=32, epochs=100000, verbose=0, callbacks=[Told()])",
    "a slow generator": "model.fit(slow(), steps_per_epoch=9, verbose=0, callbacks=[Told()])",
    "a slow callback": "model.fit(x, y, epochs=9, verbose=0, callbacks=[Slow()])",
}
AFTER = """
before = model.evaluate(x, y, verbose=0)
model.fit(x, y, batch_size=32, epochs=2, verbose=0)
assert np.isfinite(model.predict(x[:3], verbose=0)).all()
assert model.evaluate(x, y, verbose=0) < before + 0.01
"""


@pytest.fixture(scope="module")
def kernel():
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", KERNEL],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    submit(process, BUILD)
    assert process.stdout.readline() == "done\n"
    yield process
    process.stdin.close()
    process.stdout.close()
    process.wait(timeout=60)


def submit(process: subprocess.Popen, cell: str) -> None:
    process.stdin.write(cell.strip() + "\n---\n")
    process.stdin.flush()


@pytest.mark.parametrize("kind", FITS)
def test_ctrl_c_stops_within_a_second_and_leaves_a_usable_model(kernel, kind) -> None:
    submit(kernel, FITS[kind])
    assert kernel.stdout.readline() == "begun\n"
    time.sleep(0.7)  # the first chunks are through
    sent = time.perf_counter()
    kernel.send_signal(signal.SIGINT)
    assert kernel.stdout.readline() == "stopped\n"
    assert time.perf_counter() - sent < 1.0
    submit(kernel, AFTER)
    assert kernel.stdout.readline() == "done\n"
