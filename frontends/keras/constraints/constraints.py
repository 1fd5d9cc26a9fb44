"""Projections applied to a weight after each update: callables from a weight to a weight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from graphc.keras import ops
from graphc.keras.engine.settings import epsilon


class Constraint:
    """The base of constraints, and the one that changes nothing."""

    def __call__(self, w: Any) -> Any:
        """Return the projected weight."""
        return w

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build an equal constraint from `get_config()`."""
        return cls(**config)


class MaxNorm(Constraint):
    """Shrinks vectors along `axis` whose Euclidean norm exceeds `max_value`.

    Source: Srivastava et al., "Dropout" (2014).
    """

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return `w` with the norms clipped to `[0, max_value]`."""
        norms = _norms(w, self.axis)
        return _with_norms(w, norms, ops.clip(norms, 0, self.max_value))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Replaces negative elements by zero."""

    def __call__(self, w: Any) -> Any:
        """Return `max(w, 0)`."""
        return ops.maximum(w, 0)


class UnitNorm(Constraint):
    """Scales vectors along `axis` to norm one."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return `w` divided by its norms."""
        return w / (epsilon() + _norms(w, self.axis))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Moves norms along `axis` towards `[min_value, max_value]`, all the way where `rate` is 1."""

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: int | Sequence[int] = 0,
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        """Return `w` with its norms moved by `rate` towards the interval."""
        norms = _norms(w, self.axis)
        clipped = ops.clip(norms, self.min_value, self.max_value)
        return _with_norms(w, norms, self.rate * clipped + (1 - self.rate) * norms)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }


def _norms(w: Any, axis: int | Sequence[int]) -> Any:
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


def _with_norms(w: Any, norms: Any, desired: Any) -> Any:
    return w * (desired / (epsilon() + norms))
