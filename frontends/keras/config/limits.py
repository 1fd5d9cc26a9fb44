"""Caps on epochs and steps, to try a script out without changing it."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass


def _from_environment(name: str) -> int | None:
    found = os.environ.get(name)
    return int(found) if found else None


@dataclass
class _Limits:
    """The caps of this process; one instance."""

    epochs: int | None = _from_environment("KERAS_MAX_EPOCHS")
    steps: int | None = _from_environment("KERAS_MAX_STEPS_PER_EPOCH")


_LIMITS = _Limits()


def max_epochs() -> int | None:
    """Return the largest number of epochs that `fit` does; None where it is not limited."""
    return _LIMITS.epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, as the environment variable KERAS_MAX_EPOCHS does."""
    _LIMITS.epochs = max_epochs


def max_steps_per_epoch() -> int | None:
    """Return the most steps an epoch, an `evaluate` or a `predict` does; None for no limit."""
    return _LIMITS.steps


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of an epoch, `evaluate` and `predict`, like KERAS_MAX_STEPS_PER_EPOCH."""
    _LIMITS.steps = max_steps_per_epoch


def limited_epochs(epochs: int) -> int:
    """Return how many of these epochs to do; warns where it is not all of them."""
    limit = _LIMITS.epochs
    if not limit or limit >= epochs:
        return epochs
    warnings.warn(f"Limiting epochs to {limit}", stacklevel=3)
    return limit


def limited_steps(steps: int | None) -> int | None:
    """Return how many steps a pass does, None for all; warns where the limit decides it."""
    limit = _LIMITS.steps
    if not limit or (steps and limit >= steps):
        return steps
    warnings.warn(f"Limiting steps_per_epoch to {limit}", stacklevel=3)
    return limit
