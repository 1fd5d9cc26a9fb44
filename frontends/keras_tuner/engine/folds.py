"""Cross-validation: the arguments of `fit` for each fold, and what it holds out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc import keras

ROWS = ("x", "y", "sample_weight")  # the arguments of `fit` that have a row for each sample
SPLITS = ("validation_data", "validation_split")


@dataclass(frozen=True)
class Part:
    """Arguments of one training, and the data held out from it (None: there are none)."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    held: Any = None


def whole(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Part]:
    """Return the one part of a training without folds."""
    return [Part(args, dict(kwargs), kwargs.get("validation_data"))]


def split(cv: Any, seed: int, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Part]:
    """Return a part for each fold: the fold is its validation data.

    Args:
        cv: how many folds (2 or more; each class is spread evenly where `y` is a class for each
            row), or what scikit-learn calls a splitter.
        seed: of the shuffling.
        args: the positional arguments of `fit`: x, or x and y.
        kwargs: the others.

    Raises:
        ValueError: there are fewer rows than folds, or no arrays to split, or validation data was
            given too.
    """
    given = {**dict(zip(ROWS[:2], args[:2], strict=False)), **kwargs}
    data = {name: given.pop(name, None) for name in ROWS}
    for name in SPLITS:
        if given.pop(name, None):
            raise ValueError(f"`cv` holds out rows by itself. Received: `{name}` with cv={cv}")
    count = _row_count(data["x"])
    parts = []
    for train, held in _indices(cv, seed, data, count):
        chosen = {name: take(value, train) for name, value in data.items() if value is not None}
        out = tuple(take(value, held) for value in data.values() if value is not None)
        if data["y"] is None and data["sample_weight"] is not None:
            raise ValueError("`sample_weight` with `cv` needs `y`. Received: y=None")
        x = (chosen.pop("x"),)
        labels = (chosen.pop("y"),) if "y" in chosen else ()
        parts.append(Part(x + labels, {**given, **chosen, "validation_data": out}, out))
    return parts


def places(cv: Any, seed: int, x: Any, y: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the numbers of the rows to train on and of those held out, for each fold of `split`.

    Raises:
        ValueError: there are fewer rows than folds, or no arrays to split.
    """
    return list(_indices(cv, seed, {"y": y}, _row_count(x)))


def take(data: Any, rows: np.ndarray) -> Any:
    """Return some rows of an array, or of each array of a nest of arrays."""
    if hasattr(data, "iloc"):
        return data.iloc[rows]
    return keras.tree.map_structure(lambda array: np.asarray(array)[rows], data)


def fold_numbers(count: int, folds: int, seed: int, classes: Any = None) -> np.ndarray:
    """Return the fold of each row, int64[count]: folds of almost equal size, in random order.

    With `classes` (one for each row), the rows of each class are dealt to the folds in turn, so
    that every fold has its share of each.
    """
    order = np.random.default_rng(seed).permutation(count)
    if classes is not None:
        order = order[np.argsort(np.asarray(classes)[order], kind="stable")]
    numbers = np.empty(count, np.int64)
    numbers[order] = np.arange(count) % folds
    return numbers


def _indices(
    cv: Any, seed: int, data: dict[str, Any], count: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if not isinstance(cv, int):
        yield from cv.split(np.zeros((count, 1)), data["y"])
        return
    if not 2 <= cv <= count:
        raise ValueError(f"`cv` must be from 2 to the number of rows, {count}. Received: cv={cv}")
    numbers = fold_numbers(count, cv, seed, _classes(data["y"]))
    for fold in range(cv):
        yield np.flatnonzero(numbers != fold), np.flatnonzero(numbers == fold)


def _row_count(x: Any) -> int:
    if x is None:
        raise ValueError("`cv` needs arrays in `search(x, ...)`. Received: x=None")
    first = keras.tree.flatten(x)[0] if not hasattr(x, "iloc") else x
    if not hasattr(first, "__len__") or not hasattr(first, "shape"):
        raise ValueError(
            "`cv` needs arrays, of which it can take rows; datasets and generators have none. "
            f"Received: x of type {type(x).__name__}"
        )
    return len(first)


def _classes(y: Any) -> np.ndarray | None:
    """Return a class for each row if that is what `y` holds: whole numbers, words, or one-hot."""
    if y is None or isinstance(y, dict | list | tuple):
        return None
    array = np.asarray(y)
    flat = array.reshape(len(array), -1)
    if flat.shape[1] == 1 and array.dtype.kind in "iubUSO":
        return flat[:, 0]
    one_hot = flat.shape[1] > 1 and array.ndim == 2 and array.dtype.kind in "iubf"
    if one_hot and np.isin(flat, (0, 1)).all() and (flat.sum(axis=1) == 1).all():
        return flat.argmax(axis=1)
    return None
