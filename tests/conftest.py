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
