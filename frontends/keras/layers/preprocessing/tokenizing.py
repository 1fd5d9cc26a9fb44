"""Texts into tokens: standardizing, splitting, n-grams; TensorFlow's rules, which are ASCII's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.keras.layers.preprocessing.host_layer import as_texts

LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
NO_PUNCTUATION = dict.fromkeys(map(ord, "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"))
WORD = re.compile(r"[^ \t\n\v\f\r]+")

STANDARDIZE: dict[str, dict[int, int | None]] = {
    "lower": {**LOWER},
    "strip_punctuation": {**NO_PUNCTUATION},
    "lower_and_strip_punctuation": {**LOWER, **NO_PUNCTUATION},
}
SPLIT: dict[str, Callable[[str], list[str]]] = {"whitespace": WORD.findall, "character": list}


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


def with_ngrams(tokens: list[str], widths: Sequence[int] | None) -> list[str]:
    """Return the n-grams of tokens, joined by spaces: all of the first width, then the next."""
    if widths is None:
        return tokens
    return [
        " ".join(tokens[start : start + width])
        for width in widths
        for start in range(len(tokens) - width + 1)
    ]


def _each(array: np.ndarray, function: Callable[[str], str]) -> np.ndarray:
    found = np.empty(array.size, object)
    found[:] = [function(text) for text in array.ravel().tolist()]
    return found.reshape(array.shape)
