"""Penalties on weights and activations: callables from a tensor to a scalar added to the loss."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Self

from graphc.keras import ops
from graphc.keras.engine.runtime_scalar import runtime_scalar


class Regularizer:
    """The base of regularizers; subclasses define `__call__` and `get_config`."""

    def __call__(self, x: Any) -> Any:
        """Return the penalty of `x`, a scalar."""
        del x
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, ready for JSON."""
        raise NotImplementedError(f"{type(self).__name__} does not implement `get_config()`.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Build an equal regularizer from `get_config()`."""
        return cls(**config)


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x ** 2)`; the factors may change without a recompile."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = _factor("l1", 0.0 if l1 is None else l1)
        self.l2 = _factor("l2", 0.0 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of `x` in its dtype."""
        terms = []
        if self.l1 != 0.0:
            terms.append(_scaled(self, "l1", ops.sum(ops.absolute(x))))
        if self.l2 != 0.0:
            terms.append(_scaled(self, "l2", ops.sum(ops.square(x))))
        return sum(terms[1:], start=terms[0]) if terms else ops.zeros((), dtype=x.dtype)

    def get_config(self) -> dict[str, Any]:
        """Return the two factors."""
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = _factor("l1", 0.01 if l1 is None else l1)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of `x` in its dtype."""
        return _scaled(self, "l1", ops.sum(ops.absolute(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the factor."""
        return {"l1": self.l1}


class L2(Regularizer):
    """`l2 * sum(x ** 2)`."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = _factor("l2", 0.01 if l2 is None else l2)

    def __call__(self, x: Any) -> Any:
        """Return the penalty of `x` in its dtype."""
        return _scaled(self, "l2", ops.sum(ops.square(x)))

    def get_config(self) -> dict[str, Any]:
        """Return the factor."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean of `|cos|` over all pairs of rows (or columns) of a matrix.

    Raises:
        ValueError: the factor is negative or the mode is neither "rows" nor "columns"; at a call,
            the input is not a matrix.
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = _factor("factor", factor)
        if mode not in ("rows", "columns"):
            raise ValueError(f'Expected `mode` to be "rows" or "columns". Received: mode={mode!r}')
        self.mode = mode

    def __call__(self, inputs: Any) -> Any:
        """Return the penalty of a matrix."""
        if len(inputs.shape) != 2:
            raise ValueError(
                "OrthogonalRegularizer expects a tensor of rank 2. "
                f"Received: inputs.shape={tuple(inputs.shape)}"
            )
        vectors = inputs if self.mode == "rows" else ops.transpose(inputs)
        vectors = ops.normalize(vectors, axis=1)  # [N, D]
        count = vectors.shape[0]
        cosines = ops.matmul(vectors, ops.transpose(vectors))  # [N, N]
        off_diagonal = ops.absolute(cosines * (1.0 - ops.eye(count, dtype=inputs.dtype)))
        pairs = count * (count - 1.0) / 2.0
        return _scaled(self, "factor", 0.5 * ops.sum(off_diagonal) / pairs)

    def get_config(self) -> dict[str, Any]:
        """Return the factor and the mode."""
        return {"factor": self.factor, "mode": self.mode}


def _factor(name: str, value: Any) -> float:
    number = isinstance(value, Real) and math.isfinite(value)
    if not number or value < 0:
        raise ValueError(
            f"Expected `{name}` to be a finite, non-negative number. Received: {name}={value!r}"
        )
    return float(value)


def _scaled(regularizer: Regularizer, name: str, total: Any) -> Any:
    return ops.cast(runtime_scalar(regularizer, name), total.dtype) * total
