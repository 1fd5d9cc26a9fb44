"""Keras's interface at work: graphc's and real Keras's, with the same models."""

from __future__ import annotations

import importlib
import time
from typing import Any

import numpy as np
from peer import SEED, Peer

MODULES = {"graphc": "graphc.keras", "keras": "keras"}
DISTRIBUTIONS = {"graphc": "graphc-compiler", "keras": "keras"}


class KerasPeer(Peer):
    """A `keras` module, and the workload's model built with it."""

    packages = ("jax", "jaxlib", "numpy", "optax")

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.packages = (*type(self).packages, DISTRIBUTIONS[name])
        self.keras: Any = None
        self.model: Any = None
        self.data: dict[str, np.ndarray] = {}

    def epoch_validated(self, epochs: int) -> float:
        """Seconds of an epoch with validation after it, the mean over a fit of `epochs`."""
        held = self.data["x_val"], self.data["y_val"]
        begin = time.perf_counter()
        self._loss = self.fit(epochs, held)
        return (time.perf_counter() - begin) / epochs

    def take(self, data: dict[str, np.ndarray]) -> None:
        self.keras = importlib.import_module(MODULES[self.name])
        self.keras.utils.set_random_seed(SEED)
        self.data = data

    def build(self) -> None:
        self.model = self.workload.build(self.keras)

    def fit(self, epochs: int, held: tuple[np.ndarray, np.ndarray] | None = None) -> float:
        history = self.model.fit(
            self.data["x"], self.data.get("y"), batch_size=self.workload.batch, epochs=epochs,
            verbose=0, validation_data=held,
        ).history  # fmt: skip
        return history["loss" if "loss" in history else min(history)][-1]

    def predict_row(self) -> np.ndarray:
        return self.model.predict(self.data["x"][:1], verbose=0)

    def devices(self) -> list[str]:
        import jax

        return [f"{device.platform}: {device.device_kind}" for device in jax.devices()]
