"""What a case is: an op, operands to draw and attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

BATCH = -1  # a dimension of `Input.shape` that is the batch, always the first


@dataclass(frozen=True)
class Input:
    """How to draw one operand: uniform numbers in [low, high), or a given array."""

    shape: tuple[int, ...] = ()
    dtype: str = "float32"
    low: float = -2.0
    high: float = 2.0
    whole: bool = False  # only whole numbers, so that many are equal
    array: np.ndarray[Any, Any] | None = None

    @property
    def batched(self) -> bool:
        """Whether axis 0 is the batch."""
        return self.shape[:1] == (BATCH,)

    def draw(self, rng: np.random.Generator, batch: int) -> np.ndarray[Any, Any]:
        """An array with `batch` in the place of `BATCH`."""
        if self.array is not None:
            return self.array
        shape = tuple(batch if size == BATCH else size for size in self.shape)
        if self.dtype.startswith("float"):
            values = rng.uniform(self.low, self.high, shape)
            return (np.floor(values) if self.whole else values).astype(self.dtype)
        return rng.integers(int(self.low), int(self.high), shape).astype(self.dtype)


@dataclass(frozen=True)
class Case:
    """One way to call an op: operands, attributes, and how closely kernels must agree on it.

    `tolerance` is the largest error allowed for an output, relative to the largest output.
    """

    op: str
    name: str
    inputs: tuple[Input | None, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    batch: int = 4
    tolerance: float = 2e-5
    bench: bool = False

    def __str__(self) -> str:
        return f"{self.op}-{self.name}"

    def operands(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """The operands, the same for the same seed; `batch` replaces the case's own."""
        rng = np.random.default_rng(seed)
        size = self.batch if batch is None else batch
        return tuple(None if i is None else i.draw(rng, size) for i in self.inputs)


def floats(*shape: int, low: float = -2.0, high: float = 2.0) -> Input:
    """A float32 operand."""
    return Input(shape, low=low, high=high)


def ints(*shape: int, high: int = 5, low: int = 0) -> Input:
    """An int32 operand."""
    return Input(shape, "int32", low, high)


def bools(*shape: int) -> Input:
    """A boolean operand."""
    return Input(shape, "bool", 0, 2)


def given(values: Any, dtype: str = "float32") -> Input:
    """An operand with these values."""
    return Input(array=np.asarray(values, dtype))


SEED = given([7, 3], "uint32")
WHOLE = ("slice", None, None, None)  # an encoded index that takes all of an axis
