"""What every peer can be asked for in its own process, and what its framework fills in."""

from __future__ import annotations

import importlib.metadata
import statistics
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from workloads import WORKLOADS, Objective, Workload

SEED = 0


class Peer(ABC):
    """One framework with a workload's model and data in its hands.

    The public methods are the protocol of `peer_worker.py`; a framework brings the others.
    """

    packages: tuple[str, ...] = ("numpy",)  # distributions whose versions matter

    def __init__(self, name: str) -> None:
        self.name = name
        self._workload: Workload | None = None
        self._loss = float("nan")

    @property
    def workload(self) -> Workload:
        """What was loaded."""
        if self._workload is None:
            raise RuntimeError("Expected `load` first")
        return self._workload

    @property
    def objective(self) -> Objective:
        """The loss of a model that gives logits."""
        if self.workload.objective is None:
            raise RuntimeError(f"Expected a workload with an objective. Received: {self.workload}")
        return self.workload.objective

    def load(self, workload: str, file: str) -> None:
        """Prepare a workload's data, and all that comes before its model."""
        self._workload = WORKLOADS[workload]
        with np.load(file) as stored:
            self.take(self.workload.prepare(stored))

    def first(self) -> float:
        """Seconds from nothing to the end of the first epoch: build, compile, fit."""
        begin = time.perf_counter()
        self.build()
        self._loss = self.fit(1)
        return time.perf_counter() - begin

    def epoch(self, epochs: int) -> float:
        """Seconds of an epoch, the mean over a fit of `epochs`."""
        begin = time.perf_counter()
        self._loss = self.fit(epochs)
        return (time.perf_counter() - begin) / epochs

    def predict(self, calls: int) -> float:
        """Seconds to predict one row, the median of `calls` calls."""
        seconds: list[float] = []
        for _ in range(calls):
            begin = time.perf_counter()
            self.predict_row()
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds)

    def loss(self) -> float:
        """The training loss of the last epoch: did all peers learn the same?"""
        return self._loss

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
        versions = {name: importlib.metadata.version(name) for name in self.packages}
        return {"versions": versions, "devices": self.devices()}

    @abstractmethod
    def take(self, data: dict[str, np.ndarray]) -> None:
        """Keep the arrays as the framework's user would before training, and seed it."""

    @abstractmethod
    def build(self) -> None:
        """Make the model and its optimizer anew."""

    @abstractmethod
    def fit(self, epochs: int) -> float:
        """Train for `epochs`, shuffled; return the last one's training loss."""

    @abstractmethod
    def predict_row(self) -> np.ndarray:
        """The model's output for the first row."""

    @abstractmethod
    def devices(self) -> list[str]:
        """The devices in use."""


def native_labels(workload: Workload, y: np.ndarray) -> np.ndarray:
    """The labels as PyTorch and Flax want them: class numbers int32, else float32."""
    if workload.objective != "classes":
        return y.astype(np.float32).reshape(len(y), *(y.shape[1:] or (1,)))
    one_hot = y.dtype.kind == "f"
    return (y.argmax(axis=-1) if one_hot else y).astype(np.int32)


def native_inputs(x: np.ndarray) -> np.ndarray:
    """The inputs in the dtypes that models compute in: float32, or int32 for words."""
    return np.ascontiguousarray(x, np.float32 if x.dtype.kind == "f" else np.int32)
