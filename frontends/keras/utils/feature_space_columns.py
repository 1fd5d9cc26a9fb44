"""The columns that a `FeatureSpace` reads: of a dictionary, or of an iterable of dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from graphc.keras.engine.host import HostTensor
from graphc.keras.engine.tensor import KerasTensor, Symbol

BATCH = 32  # rows that a preprocessor sees at once while it adapts
SYMBOLIC = (KerasTensor, Symbol, HostTensor)


def is_symbolic(value: Any) -> bool:
    """Return whether a value stands for a tensor of a graph."""
    return isinstance(value, SYMBOLIC)


def as_column(value: Any) -> Any:
    """Return a feature as [B, ...] of rank 2 or more; one row's value as a batch of one."""
    if is_symbolic(value):
        return value
    array = np.asarray(value.to_numpy() if hasattr(value, "to_numpy") else value)
    if array.ndim == 0:
        return array.reshape(1, 1)
    return array[:, None] if array.ndim == 1 else array


def batches_of_columns(dataset: Any) -> Iterator[dict[str, Any]]:
    """Yield the dictionaries of an iterable, as they are; columns in batches.

    Raises:
        ValueError: anything else.
    """
    if isinstance(dataset, dict):
        columns = {name: as_column(value) for name, value in dataset.items()}
        rows = len(next(iter(columns.values())))
        for start in range(0, rows, BATCH):
            yield {name: value[start : start + BATCH] for name, value in columns.items()}
        return
    wrong = not isinstance(dataset, Iterable) or isinstance(dataset, (str, bytes))
    for batch in () if wrong else dataset:
        wrong = not isinstance(batch, dict)
        if wrong:
            break
        yield batch
    if wrong:
        raise ValueError(
            "`adapt()` can only be called on a dict of arrays/lists, or on an iterable of dicts. "
            f"Received: {dataset} (of type {type(dataset)})"
        )
