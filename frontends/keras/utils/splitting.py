"""Data sets in two parts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphc.keras.utils.batch_dataset import BatchDataset, row_of, rows_of, stacked


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[BatchDataset, BatchDataset]:
    """Two data sets of single samples: the first ones, and the last ones.

    Args:
        dataset: an array, a list or tuple of arrays of equal length, or a `BatchDataset` (whose
            parts are batched like it).
        left_size: samples of the left part: a number (`int`) or a share (`float`, 0 to 1); None
            for the rest.
        right_size: the same of the right part.
        shuffle: whether the samples are shuffled first.
        seed: of the shuffling, by Python's `random`, which it seeds.
        preferred_backend: accepted as in Keras; the parts are ours whatever it is.

    Raises:
        TypeError: another kind of data set, or of size.
        ValueError: sizes that do not fit the samples, or no samples.
    """
    samples, batch_size = _samples(dataset)
    if left_size is None and right_size is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            "Received: left_size=None and right_size=None"
        )
    if shuffle:
        random.seed(random.randint(0, 1_000_000) if seed is None else seed)
        random.shuffle(samples)
    left, right = split_sizes(left_size, right_size, len(samples))
    return _part(samples[:left], batch_size), _part(samples[-right:], batch_size)


def _samples(dataset: Any) -> tuple[list[Any], int | None]:
    """The samples of a data set, and the size of its batches (None where it has none)."""
    if isinstance(dataset, BatchDataset):
        return _unbatched(dataset)
    if isinstance(dataset, np.ndarray):
        samples = list(dataset)
    elif isinstance(dataset, (list, tuple)):
        _check_arrays(dataset)
        samples = list(zip(*dataset, strict=True))
    else:
        raise TypeError(
            "Expected `dataset` to be an array, a list or tuple of arrays, or a `BatchDataset`. "
            f"Received: dataset={dataset} of type {type(dataset)}"
        )
    if not samples:
        raise ValueError("Expected at least one sample. Received: an empty dataset")
    return samples, None


def _unbatched(dataset: BatchDataset) -> tuple[list[Any], int | None]:
    elements = list(dataset)
    if not dataset.batched:
        return elements, None
    rows = [row_of(batch, index) for batch in elements for index in range(rows_of(batch))]
    return rows, rows_of(elements[0])


def _check_arrays(arrays: Any) -> None:
    if not arrays:
        raise ValueError("Expected a list or tuple of arrays. Received: an empty one")
    for index, array in enumerate(arrays):
        if not isinstance(array, np.ndarray):
            raise ValueError(
                f"Expected `numpy.ndarray` objects. Received: {type(array)} at index {index}"
            )
        if len(array) != len(arrays[0]):
            raise ValueError(
                f"Expected arrays of the same length, {len(arrays[0])}. "
                f"Received: shape {array.shape} at index {index}"
            )


def _part(samples: list[Any], batch_size: int | None) -> BatchDataset:
    """Samples in memory as a data set."""
    whole = stacked(samples)

    def rows() -> Iterator[Any]:
        return (row_of(whole, index) for index in range(len(samples)))

    single = BatchDataset(rows, len(samples), batched=False)
    return single if batch_size is None else single.batch(batch_size)


def split_sizes(left: float | None, right: float | None, total: int) -> tuple[int, int]:
    """The numbers of samples of both parts.

    Raises:
        TypeError: a size that is neither `int` nor `float`.
        ValueError: sizes that do not fit `total`, or leave a part empty.
    """
    for name, size in (("left_size", left), ("right_size", right)):
        _check_size(name, size, total)
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` must not be greater than 1. "
            f"Received: left_size={left}, right_size={right}"
        )
    first, last = (round(s * total) if isinstance(s, float) else s for s in (left, right))
    first = total - last if first is None else first
    last = total - first if last is None else last
    if first + last > total or not first or not last:
        raise ValueError(
            f"Expected two sizes that are not 0 and at most {total} together. "
            f"Received: left_size={left}, right_size={right}, which are {first} and {last} samples"
        )
    return first, last


def _check_size(name: str, size: Any, total: int) -> None:
    if size is None:
        return
    if type(size) not in (int, float):
        raise TypeError(f"Expected `{name}` to be int, float or None. Received: {type(size)}")
    if not 0 < size < (total if isinstance(size, int) else 1):
        raise ValueError(
            f"`{name}` must be a positive integer smaller than {total}, or a float between 0 and 1."
            f" Received: {name}={size}"
        )
