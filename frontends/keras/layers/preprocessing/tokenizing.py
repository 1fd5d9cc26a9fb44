"""Texts into tokens: standardizing and splitting; TensorFlow's rules, which are ASCII's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.artifacts.strings import SPLIT, STANDARDIZE
from graphc.keras.layers.preprocessing.host_layer import as_texts


def standardized(texts: Any, standardize: Any, encoding: str) -> np.ndarray:
    """Return texts in a standard form, as an array of `str` objects.

    `standardize` is None, a name, or a function from a NumPy array of unicode strings to another.
    """
    array = as_texts(texts, encoding)
    if standardize is None:
        return array
    if callable(standardize):
        return as_texts(standardize(array.astype("U")), encoding)
    table = STANDARDIZE[standardize]
    return _each(array, lambda text: text.translate(table))


def split_texts(texts: np.ndarray, split: Any, encoding: str) -> list[list[str]]:
    """Return the tokens of each text of an array, flattened.

    `split` is a name, or a function from a NumPy array of unicode strings to lists of tokens.
    """
    flat = texts.ravel()
    if not callable(split):
        return [SPLIT[split](text) for text in flat.tolist()]
    found = split(flat.astype("U"))
    rows = found.tolist() if hasattr(found, "tolist") else list(found)
    return [as_texts(list(row), encoding).tolist() for row in rows]


def _each(array: np.ndarray, function: Callable[[str], str]) -> np.ndarray:
    found = np.empty(array.size, object)
    found[:] = [function(text) for text in array.ravel().tolist()]
    return found.reshape(array.shape)
