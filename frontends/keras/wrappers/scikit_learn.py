"""`KerasClassifier` and `KerasRegressor` where Keras 2 had them: `keras.wrappers.scikit_learn`."""

from __future__ import annotations

import importlib
from typing import Any

NAMES = ("KerasClassifier", "KerasRegressor")


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(importlib.import_module("graphc.sklearn"), name)
    raise AttributeError(f"module 'graphc.keras.wrappers.scikit_learn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(NAMES)
