"""Numbers for names, and what is a symbolic tensor."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.settings import SETTINGS
from graphc.keras.engine.tensor import KerasTensor


def get_uid(prefix: str = "") -> int:
    """Return 1 for a prefix not seen before, then 2, 3 ...; automatic names count too."""
    SETTINGS.name_counts[prefix] += 1
    return SETTINGS.name_counts[prefix]


def is_keras_tensor(x: Any) -> bool:
    """Return whether `x` is a `KerasTensor`."""
    return isinstance(x, KerasTensor)
