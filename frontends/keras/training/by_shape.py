"""Which cross-entropy and which accuracy the shapes of targets and predictions call for."""

from __future__ import annotations

from typing import Any

ACCURACY_NAMES = ("accuracy", "acc")
CROSSENTROPY_NAMES = ("crossentropy", "ce")


def kind_of_classes(y_true: Any, y_pred: Any) -> str:
    """Return "binary" for scores [..., 1], "sparse" for integer targets, else "categorical"."""
    if not y_pred.shape or y_pred.shape[-1] == 1:
        return "binary"
    if len(y_true.shape) < len(y_pred.shape):
        return "sparse"
    return "sparse" if y_true.shape[-1] == 1 else "categorical"


def asks_for(identifier: Any, names: tuple[str, ...]) -> bool:
    """Say whether `identifier` is one of the names, in any case of letters."""
    return isinstance(identifier, str) and identifier.lower() in names
