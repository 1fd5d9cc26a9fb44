"""Fixtures for optimizer tests: fixed parameters, fixed gradients, and real Keras on JAX."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

from graphc.keras.engine.variable import Variable

SHAPES: dict[str, tuple[int, ...]] = {"scalar": (), "bias": (3,), "kernel": (4, 5)}
STEPS = 20


@pytest.fixture(scope="session")
def keras() -> Any:
    """Real Keras on JAX, the oracle."""
    return import_module("keras")


@pytest.fixture(scope="session")
def start() -> dict[str, np.ndarray]:
    """First parameter values by name."""
    rng = np.random.default_rng(0)
    return {name: np.asarray(rng.normal(size=s), np.float32) for name, s in SHAPES.items()}


@pytest.fixture(scope="session")
def gradients() -> list[list[np.ndarray]]:
    """Gradients of every parameter for each of `STEPS` steps."""
    rng = np.random.default_rng(1)
    return [
        [np.asarray(rng.normal(size=shape), np.float32) for shape in SHAPES.values()]
        for _ in range(STEPS)
    ]


@pytest.fixture
def trained(start: dict[str, np.ndarray]) -> list[Variable]:
    """Fresh variables to train."""
    return [Variable(value, name=name) for name, value in start.items()]
