"""The benchmark's modules, imported as its scripts import one another."""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCH = Path(__file__).parents[2] / "bench"
MODULES = (
    "ablate", "chart", "generative", "graphc_peer", "limits", "measures", "options", "peer",
    "peers", "run", "sources", "tables", "targets", "timing", "workloads",
)  # fmt: skip


@pytest.fixture(scope="module")
def bench():
    """Those of the modules that need no framework but ours."""
    sys.path.insert(0, str(BENCH))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(BENCH))
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(str(BENCH)):
                del sys.modules[name]
