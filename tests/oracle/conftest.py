"""Real Keras on JAX, the oracle of these tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import jax
import pytest


@pytest.fixture(scope="session")
def keras() -> Any:
    """Real Keras on JAX."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")


@pytest.fixture(autouse=True)
def _quick_compiles() -> Iterator[None]:
    """Compile fast rather than well: each case compiles six programs and runs them for moments."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
