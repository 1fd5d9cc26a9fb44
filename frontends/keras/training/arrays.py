"""The data that people pass to `fit` as row-aligned arrays; what is wrong with it, said plainly."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from graphc.keras.engine.structure import flatten, map_structure, pack_as, structure_of
from graphc.keras.engine.tensor import KerasTensor
from graphc.keras.engine.variable import Variable


@dataclass(frozen=True)
class Rows:
    """Features, targets and weights (each a structure of arrays, or None) with equal rows."""

    x: Any
    y: Any = None
    sample_weight: Any = None

    @property
    def structure(self) -> Any:
        """The nested structure, with None for what is absent."""
        return (self.x, self.y, self.sample_weight)

    @cached_property
    def leaves(self) -> list[Any]:
        """The arrays."""
        return [leaf for leaf in flatten(self.structure) if leaf is not None]

    @cached_property
    def count(self) -> int:
        """The number of rows."""
        return int(self.leaves[0].shape[0])

    @cached_property
    def signature(self) -> Any:
        """What a trace depends on: structure, and shape of a row and dtype of every array."""
        shapes = tuple((leaf.shape[1:], leaf.dtype) for leaf in self.leaves)
        absent = tuple(leaf is None for leaf in flatten(self.structure))
        return structure_of(self.structure), absent, shapes

    def pack(self, leaves: Any) -> tuple[Any, Any, Any]:
        """Return (x, y, sample_weight) holding `leaves` in place of the arrays."""
        remaining = iter(leaves)
        whole = [None if leaf is None else next(remaining) for leaf in flatten(self.structure)]
        return pack_as(self.structure, whole)

    def take(self, rows: slice) -> Rows:
        """Return some of the rows."""

        def part(leaf: Any) -> Any:
            return None if leaf is None else leaf[rows]

        return Rows(*map_structure(part, self.structure))

    def placeholder(self) -> Rows:
        """Return one row of zeros, which tells the shapes of the outputs where there are none."""

        def row(leaf: Any) -> Any:
            return None if leaf is None else np.zeros((1, *leaf.shape[1:]), leaf.dtype)

        return Rows(*map_structure(row, self.structure))


def as_rows(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    class_weight: Any = None,
    *,
    may_be_empty: bool = False,
) -> Rows:
    """Return arrays for what was passed.

    Raises:
        ValueError: not numbers, no rows, different numbers of rows, or both kinds of weight.
        TypeError: something that is no array.
    """
    rows = Rows(_arrays(x, "x"), _arrays(y, "y"), _arrays(sample_weight, "sample_weight"))
    if not rows.leaves:
        raise ValueError(f"Expected arrays to run on. Received: x={x!r}")
    _check_lengths(rows, may_be_empty)
    if class_weight is None:
        return rows
    if sample_weight is not None:
        raise ValueError("You cannot `class_weight` and `sample_weight` at the same time.")
    return Rows(rows.x, rows.y, weights_of_classes(rows.y, class_weight))


def _arrays(structure: Any, role: str) -> Any:
    if structure is None:
        return None
    first = structure[0] if isinstance(structure, list) and structure else None
    if isinstance(first, (int, float, str, list, tuple)):
        structure = _from_lists(structure)
    return map_structure(lambda leaf: _array(leaf, role), structure)


def _from_lists(rows: Any) -> np.ndarray:
    """Return an array for nested lists; of objects where the lengths differ, to be refused."""
    try:
        return np.asarray(rows)
    except ValueError:
        return np.asarray(rows, dtype=object)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "dtype")


def _array(leaf: Any, role: str) -> Any:
    if leaf is None or isinstance(leaf, jax.Array):
        return leaf
    if isinstance(leaf, KerasTensor):
        raise TypeError(f"Expected `{role}` to hold numbers. Received: the symbolic {leaf}")
    if isinstance(leaf, Variable) or hasattr(leaf, "to_numpy"):
        leaf = leaf.numpy() if isinstance(leaf, Variable) else leaf.to_numpy()
    array = np.asarray(leaf)
    if array.dtype.kind in "OSU":
        array = _numbers(array, role)
    if array.ndim == 0:
        raise TypeError(
            f"Expected `{role}` to be an array with one row a sample. Received: {leaf!r} "
            f"(of type {type(leaf).__name__})"
        )
    return array


def _numbers(array: np.ndarray, role: str) -> np.ndarray:
    first = array.ravel()[:1]
    strings = array.dtype.kind in "SU" or any(isinstance(item, (str, bytes)) for item in first)
    if not strings:
        try:
            return array.astype("float32")
        except (TypeError, ValueError):
            pass
    shown = f"{array.ravel().tolist()[0]!r}" if array.size else "nothing"
    hint = "strings: turn them into numbers first (for example with a vocabulary)"
    reason = hint if strings else "rows of different lengths (`keras.utils.pad_sequences` helps)"
    raise ValueError(
        f"Expected `{role}` to hold numbers. Received: an array of dtype {array.dtype} that holds "
        f"{reason}; its first element is {shown}."
    )


def _check_lengths(rows: Rows, may_be_empty: bool) -> None:
    sizes = {int(leaf.shape[0]) for leaf in rows.leaves}
    if len(sizes) == 1:
        if not sizes.pop() and not may_be_empty:
            raise ValueError("Expected at least one sample. Received: an empty data set (0 rows).")
        return
    named = zip(("x", "y", "sample_weight"), rows.structure, strict=True)
    found = [
        f"'{name}' sizes: {', '.join(str(len(one)) for one in flatten(part) if one is not None)}"
        for name, part in named
        if part is not None
    ]
    raise ValueError(
        "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. "
        f"Received: {'; '.join(found)}"
    )


def weights_of_classes(y: Any, class_weight: dict[int, float]) -> Any:
    """Return a weight for each row from its class; classes not named weigh 1.

    Raises:
        ValueError: several outputs, or no targets.
    """
    targets = flatten(y)
    if len(targets) != 1 or targets[0] is None:
        raise ValueError("`class_weight` is only supported for models with a single output.")
    labels = np.asarray(targets[0])
    one_hot = labels.ndim > 1 and labels.shape[-1] > 1
    labels = labels.argmax(-1) if one_hot else labels.reshape(labels.shape[0], -1)[:, 0]
    labels = np.round(labels).astype("int64")
    table = {int(key): float(value) for key, value in class_weight.items()}
    weights = np.ones(labels.shape, "float32")
    for label, weight in table.items():
        weights[labels == label] = weight
    return weights


def split_rows(rows: Rows, validation_split: float) -> tuple[Rows, Rows]:
    """Return the first part for training and the last share `validation_split` for validation.

    Raises:
        ValueError: a share outside (0, 1), or one that leaves a part empty.
    """
    at = split_at(rows.count, validation_split)
    return rows.take(slice(0, at)), rows.take(slice(at, None))


def split_at(count: int, validation_split: float) -> int:
    """Return how many of so many rows are trained on; the others are the share for validation.

    Raises:
        ValueError: a share outside (0, 1), or one that leaves a part empty.
    """
    if not isinstance(validation_split, (int, float)) or not 0 < validation_split < 1:
        raise ValueError(
            "Expected `validation_split` to be a number between 0 and 1. "
            f"Received: validation_split={validation_split!r}"
        )
    at = int(np.floor(count * (1.0 - validation_split)))
    if at == 0 or at == count:
        raise ValueError(
            f"Training data contains {count} samples, which is not sufficient to split it "
            f"into a validation and training set as specified by "
            f"`validation_split={validation_split}`."
        )
    return at


def unpack_rows(data: Any) -> tuple[Any, ...]:
    """Return the parts of `validation_data`: (x,), (x, y) or (x, y, sample_weight).

    Raises:
        ValueError: any other number of parts.
    """
    parts = tuple(data) if isinstance(data, (tuple, list)) else (data,)
    if len(parts) > 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)`, or `(x, y, sample_weight)`. "
            f"Received: a tuple of {len(parts)}"
        )
    return parts


def warn_of_nan(rows: Rows) -> None:
    """Warn when the features hold NaN or infinity (a sum finds them in one cheap pass)."""
    for index, leaf in enumerate(flatten(rows.x)):
        if not isinstance(leaf, np.ndarray) or leaf.dtype.kind != "f":
            continue
        with np.errstate(all="ignore"):
            total = np.sum(leaf, dtype=np.float64 if leaf.itemsize > 4 else np.float32)
        if np.isfinite(total):
            continue
        bad = ~np.isfinite(leaf).reshape(leaf.shape[0], -1).all(axis=1)
        if bad.any():
            warnings.warn(
                f"The input x{f'[{index}]' if index else ''} holds NaN or infinity in "
                f"{int(bad.sum())} of {leaf.shape[0]} rows (the first is row {int(bad.argmax())}): "
                "the loss will not be a number. Fill or drop them before training.",
                stacklevel=4,
            )
