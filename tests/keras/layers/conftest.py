"""Real Keras on JAX, the oracle of these tests."""

import os

import pytest


@pytest.fixture(scope="session")
def keras():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras", reason="the oracle, real Keras, is not installed")
