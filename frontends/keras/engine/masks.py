"""The mask that travels with a tensor."""

from __future__ import annotations

import weakref
from typing import Any

import jax

# JAX's tracers take no attributes: their masks are kept here for as long as they live.
_OF_TRACERS: dict[int, tuple[weakref.ref[Any], Any]] = {}


def get_mask(tensor: Any) -> Any:
    """Return a tensor's mask, or None."""
    if not isinstance(tensor, jax.core.Tracer):
        return getattr(tensor, "_keras_mask", None)
    owner, mask = _OF_TRACERS.get(id(tensor), (None, None))
    return mask if owner is not None and owner() is tensor else None


def set_mask(tensor: Any, mask: Any) -> None:
    """Let a mask travel with a tensor; None takes it away."""
    if not isinstance(tensor, jax.core.Tracer):
        if hasattr(tensor, "_keras_mask") or hasattr(tensor, "__dict__"):
            tensor._keras_mask = mask  # what takes no attributes (NumPy's arrays) carries no mask
        return
    key = id(tensor)
    if mask is None:
        _OF_TRACERS.pop(key, None)
    else:
        _OF_TRACERS[key] = (weakref.ref(tensor, lambda _: _OF_TRACERS.pop(key, None)), mask)
