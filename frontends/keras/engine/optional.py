"""Optional dependencies, imported at their first use: `import graphc` must not wait for them."""

from __future__ import annotations

import importlib
from typing import Any


def find(name: str) -> Any:
    """Return the module of this name, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
