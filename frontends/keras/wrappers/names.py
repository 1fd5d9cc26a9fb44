"""Which estimators `keras.wrappers` offers; scikit-learn is imported when one is asked for."""

from __future__ import annotations

import importlib
from typing import Any

NAMES = ("SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer")


def __getattr__(name: str) -> Any:
    if name in NAMES:
        return getattr(importlib.import_module("graphc.sklearn"), name)
    raise AttributeError(f"module 'graphc.keras.wrappers' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(NAMES)
