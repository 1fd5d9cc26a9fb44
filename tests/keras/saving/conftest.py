"""Fixtures for files in both libraries."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import pytest


@pytest.fixture(scope="session")
def keras() -> Any:
    """Real Keras on JAX."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")
