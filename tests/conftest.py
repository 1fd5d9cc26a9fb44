"""Settings of every test: verified graphs, warnings as errors, compiled programs shared."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / "graphc-tests-cache"

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("GRAPHC_VERIFY", "1")
os.environ.setdefault("GRAPHC_CACHE_DIR", str(CACHE))
os.environ.setdefault("MPLBACKEND", "Agg")


import sys  # noqa: E402  (after the environment is set)

import pytest  # noqa: E402

from graphc import keras  # noqa: E402


@pytest.fixture(autouse=True)
def fresh_names() -> None:
    """Start automatic names anew, here and in the oracle, so that they agree in any order."""
    keras.utils.clear_session()
    if "keras" in sys.modules and hasattr(sys.modules["keras"], "backend"):
        sys.modules["keras"].backend.clear_session(free_memory=False)  # it takes long
