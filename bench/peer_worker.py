"""One peer in a process of its own: does what `run.py` asks, one JSON line in, one out.

    python bench/peer_worker.py graphc|keras

A request is `{"do": name, ...arguments}`; the answer is `{"ok": value}` or `{"error": traceback}`.
Standard output carries answers only: whatever a library prints goes to standard error.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import statistics
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from workloads import WORKLOADS, Arrays

MODULES = {"graphc": "graphc.keras", "keras": "keras"}
DISTRIBUTIONS = {"graphc": "graphc-compiler", "keras": "keras"}
PACKAGES = ("jax", "jaxlib", "numpy", "optax")


class Peer:
    """A peer's `keras` module, and the model and data in its hands."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.keras: Any = None
        self.model: Any = None
        self.batch = 0
        self.data: Arrays = {}
        self.build: Callable[[Any], Any] | None = None
        self.history: dict[str, list[float]] = {}

    def load(self, workload: str, file: str) -> None:
        """Import the peer, and prepare a workload's data and model builder."""
        self.keras = importlib.import_module(MODULES[self.name])
        self.keras.utils.set_random_seed(0)
        recipe = WORKLOADS[workload]
        with np.load(file) as stored:
            self.data = recipe.prepare(stored)
        self.batch, self.build, self.model = recipe.batch, recipe.build, None

    def first(self) -> float:
        """Seconds from nothing to the end of the first epoch: build, compile, fit."""
        assert self.build is not None
        begin = time.perf_counter()
        self.model = self.build(self.keras)
        self._fit(validated=False)
        return time.perf_counter() - begin

    def epoch(self, validated: bool, epochs: int) -> float:
        """Seconds of an epoch, the mean over a fit of `epochs`."""
        begin = time.perf_counter()
        self._fit(validated, epochs)
        return (time.perf_counter() - begin) / epochs

    def predict(self, calls: int) -> float:
        """Seconds to predict one row, the median of `calls` calls."""
        row, seconds = self.data["x"][:1], []
        for _ in range(calls):
            begin = time.perf_counter()
            self.model.predict(row, verbose=0)
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds)

    def loss(self) -> float:
        """The training loss of the last epoch: did both peers learn the same?"""
        name = "loss" if "loss" in self.history else min(self.history)
        return self.history[name][-1]

    def peak_memory(self) -> int:
        """The most bytes that this process has held."""
        status = Path("/proc/self/status")
        if status.exists():  # getrusage would count the parent's memory before the exec, too
            line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
            return int(line.split()[1]) * 1024
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def facts(self) -> dict[str, Any]:
        """Versions and devices."""
        import jax

        versions = {name: importlib.metadata.version(name) for name in PACKAGES}
        versions[self.name] = importlib.metadata.version(DISTRIBUTIONS[self.name])
        devices = [f"{device.platform}: {device.device_kind}" for device in jax.devices()]
        return {"versions": versions, "devices": devices}

    def _fit(self, validated: bool, epochs: int = 1) -> None:
        x, y = self.data["x"], self.data.get("y")
        held = (self.data["x_val"], self.data["y_val"]) if validated else None
        self.history = self.model.fit(
            x, y, batch_size=self.batch, epochs=epochs, verbose=0, validation_data=held
        ).history  # fmt: skip


def main() -> int:
    """Serve requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = Peer(sys.argv[1])
    commands = {
        name: getattr(peer, name)
        for name in ("load", "first", "epoch", "predict", "loss", "peak_memory", "facts")
    }
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"ok": commands[request.pop("do")](**request)}
        except Exception:  # noqa: BLE001 - whatever it is, the driver must hear of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
