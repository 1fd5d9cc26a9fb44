"""Hyperparameters as runtime scalars: changing one never recompiles."""

from __future__ import annotations

from typing import Any

from graphc.keras.engine.scope import current_trace


def runtime_scalar(owner: Any, name: str) -> Any:
    """Return `owner.name`: the number itself eagerly, a float32 scalar symbol inside a trace."""
    trace = current_trace()
    return getattr(owner, name) if trace is None else trace.scalar(owner, name)
