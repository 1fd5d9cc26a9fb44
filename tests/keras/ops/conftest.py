"""Real Keras on JAX, the oracle of these tests."""

import os
from importlib import import_module

import pytest


@pytest.fixture(scope="session")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return import_module("keras")
