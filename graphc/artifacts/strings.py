"""The front of an exported model: what is done to strings before the program, in NumPy.

XLA knows no strings. So an artifact says in data (`front.json`: tables and settings, no code) what
its preprocessing layers do, and this file does it. It and `fingerprint.py` need NumPy alone, and
are copied along with the loader where a model takes strings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # TensorFlow lowers ASCII alone
NO_PUNCTUATION = dict.fromkeys(map(ord, "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~'"))
WORD = re.compile(r"[^ \t\n\v\f\r]+")
STANDARDIZE: Mapping[str, Mapping[int, int | None]] = {
    "lower": {**LOWER},
    "strip_punctuation": {**NO_PUNCTUATION},
    "lower_and_strip_punctuation": {**LOWER, **NO_PUNCTUATION},
}
SPLIT: Mapping[str, Callable[[str], list[str]]] = {"whitespace": WORD.findall, "character": list}
DROPPED = -1  # an index that leaves no mark in an encoding

hashes: Any = import_module(f"{__package__}.fingerprint".lstrip("."))  # beside, in a package or not
Array = np.ndarray[Any, Any]
Entry = Mapping[str, Any]  # what a layer does: its "op" and settings


class Front:
    """Turns a model's inputs into those of its program.

    Args:
        description: `layers`, entries; `calls`, of a layer on inputs and earlier results, by
            their number; `feeds`, what the program takes, by number, and its dtypes.

    Raises:
        ValueError, KeyError, TypeError: it is none.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        layers = [LAYERS[entry["op"]](entry) for entry in description["layers"]]
        self._calls = [(layers[call["layer"]], call["inputs"]) for call in description["calls"]]
        self._feeds = [
            (int(feed["from"]), np.dtype(feed["dtype"])) for feed in description["feeds"]
        ]

    def __call__(self, inputs: Sequence[Array]) -> list[Array]:
        """Return what the program takes for inputs [rows, ...] in order.

        Raises:
            ValueError: a token that is in no vocabulary, where there is no index for such.
        """
        known = list(inputs)
        for layer, places in self._calls:
            known.append(layer([known[place] for place in places]))
        return [known[place].astype(dtype, copy=False) for place, dtype in self._feeds]


class Lookup:
    """Replaces tokens by their indices: [mask, out-of-vocabulary ..., tokens ...].

    Args:
        entry: `tokens`; `oov`, how many indices those outside share; `mask`, a token or None;
            `mode`, with `depth` and `weights`; `integers`, whether tokens are; `remainder`, how
            those outside share; `salt`; `encoding`; and, with `invert`, `oov_token`.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry, self.mode = entry, entry["mode"]
        self._first = int(entry["mask"] is not None and self.mode == "int")
        start = self._first + entry["oov"]
        self._index = {token: index for index, token in enumerate(entry["tokens"], start)}

    def __call__(self, inputs: Sequence[Array]) -> Array:
        """Return the indices of tokens, encoded; with `invert` the tokens of indices."""
        if self.entry["invert"]:
            return self._tokens_of(inputs[0])
        integers = self.entry["integers"]
        tokens = inputs[0].astype("int64") if integers else texts(inputs[0], self.entry["encoding"])
        return self.encoded(self.indices_of(tokens))

    def encoded(self, indices: Array) -> Array:
        """Return indices in the output mode."""
        if self.mode != "tf_idf":
            return encoded(indices, self.mode, self.entry["depth"])
        return self.weighted(encoded(indices, "count", self.entry["depth"]))

    def weighted(self, counts: Array) -> Array:
        """Return counts times the weights."""
        weights = np.asarray(self.entry["weights"], self.entry["float"])
        return counts.astype(weights.dtype) * weights

    def indices_of(self, tokens: Array) -> Array:
        """Return the indices of tokens: int64, of the same shape."""
        found = [self._index.get(token, DROPPED) for token in tokens.ravel().tolist()]
        indices = np.array(found, "int64").reshape(tokens.shape)
        unknown = indices < 0
        if self.entry["mask"] is not None:
            masked = tokens == self.entry["mask"]
            unknown &= ~masked
            indices[masked] = 0 if self.mode == "int" else DROPPED
        if unknown.any():
            indices[unknown] = self._outside(tokens[unknown])
        return indices

    def _outside(self, tokens: Array) -> Any:
        count = self.entry["oov"]
        if count == 0:
            raise ValueError(
                "Expected tokens of the vocabulary, for there is no index for others. "
                f"Received: {sorted(set(tokens.tolist()))[:10]}"
            )
        if count == 1:
            return self._first
        if self.entry["remainder"]:
            return tokens % count + self._first
        return hashes.hash_buckets(tokens, count, self.entry["salt"]) + self._first

    def _tokens_of(self, indices: Array) -> Array:
        oov, mask = self.entry["oov_token"], self.entry["mask"]
        special = [mask] * self._first + [oov] * self.entry["oov"]
        known = dict(enumerate([*special, *self.entry["tokens"]]))
        found = np.empty(indices.size, "int64" if self.entry["integers"] else object)
        found[:] = [known.get(index, oov) for index in indices.ravel().tolist()]
        return found.reshape(indices.shape)


class Vectorizer:
    """Standardizes, splits and looks up texts.

    Args:
        entry: `standardize` and `split`, names or None; `ngrams`, widths or None; `length` of a
            sequence or None; `lookup`, the entry of the vocabulary.
    """

    def __init__(self, entry: Entry) -> None:
        self.entry, self._lookup = entry, Lookup(entry["lookup"])

    def __call__(self, inputs: Sequence[Array]) -> Array:
        """Return the indices [rows, T] or the vectors [rows, depth] of texts."""
        given = texts(inputs[0], self.entry["lookup"]["encoding"])
        table = STANDARDIZE[self.entry["standardize"]] if self.entry["standardize"] else None
        clean = given if table is None else _each(given, lambda text: text.translate(table))
        mode, length = self._lookup.mode, self.entry["length"]
        if self.entry["split"] is None and self.entry["ngrams"] is None:
            found = self._lookup([clean])
            return _cut(found, length) if mode == "int" and length is not None else found
        rows, shape = self._rows(clean)
        if mode in ("multi_hot", "count", "tf_idf"):
            return self._counted(rows).reshape(*shape, -1)
        return self._lookup.encoded(self._padded(rows).reshape(*shape, -1))

    def _rows(self, clean: Array) -> tuple[list[list[str]], tuple[int, ...]]:
        widths = self.entry["ngrams"]
        if self.entry["split"] is None:
            shape, rows = clean.shape[:-1], clean.reshape(-1, clean.shape[-1]).tolist()
        else:
            whole = clean[..., 0] if clean.ndim > 1 else clean
            shape, split = whole.shape, SPLIT[self.entry["split"]]
            rows = [split(text) for text in whole.ravel().tolist()]
        return [with_ngrams(row, widths) for row in rows], shape

    def _flat(self, rows: Sequence[Sequence[str]]) -> Array:
        tokens = [token for row in rows for token in row]
        return self._lookup.indices_of(_objects(tokens))

    def _padded(self, rows: Sequence[list[str]]) -> Array:
        length = self.entry["length"]
        kept = [row[:length] for row in rows]
        sizes = np.array([len(row) for row in kept], "int64")
        width = max(sizes, default=0) if length is None else length
        found = np.full((len(kept), width), 0 if self._lookup.mode == "int" else DROPPED, "int64")
        found[np.arange(width) < sizes[:, None]] = self._flat(kept)
        return found

    def _counted(self, rows: Sequence[Sequence[str]]) -> Array:
        depth, indices = self._lookup.entry["depth"], self._flat(rows)
        places = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        kept = indices >= 0
        flat = np.bincount(places[kept] * depth + indices[kept], minlength=len(rows) * depth)
        counts = flat.reshape(len(rows), depth)
        if self._lookup.mode == "multi_hot":
            return np.minimum(counts, 1)
        return self._lookup.weighted(counts) if self._lookup.mode == "tf_idf" else counts


def _hashing(entry: Entry) -> Callable[[Sequence[Array]], Array]:
    """Bins of strings or integers by their hash: `bins`, `mask`, `salt`, `mode`."""
    masked = entry["mask"] is not None and entry["bins"] > 1

    def hashed(inputs: Sequence[Array]) -> Array:
        values = _strings_or_integers(inputs[0])
        found = hashes.hash_buckets(values, entry["bins"] - masked, entry["salt"])
        if masked:
            found = np.where(values == entry["mask"], 0, found + 1)
        return encoded(found, entry["mode"], entry["bins"])

    return hashed


def _crossing(entry: Entry) -> Callable[[Sequence[Array]], Array]:
    """Bins of combinations of features: `bins`, `mode`."""

    def crossed(inputs: Sequence[Array]) -> Array:
        parts = [_strings_or_integers(part) for part in inputs]
        columns = [[hashes.fingerprint(item) for item in part.ravel().tolist()] for part in parts]
        rows = zip(*columns, strict=True)
        found = np.array([hashes.crossed(row) % entry["bins"] for row in rows], "int64")
        return encoded(found.reshape(parts[0].shape), entry["mode"], entry["bins"])

    return crossed


def _binning(entry: Entry) -> Callable[[Sequence[Array]], Array]:
    """The ranges that numbers fall into: `boundaries`, `mode`."""
    boundaries = np.asarray(entry["boundaries"], "float32")

    def binned(inputs: Sequence[Array]) -> Array:
        found = np.digitize(inputs[0].astype("float32"), boundaries)
        return encoded(found, entry["mode"], len(boundaries) + 1)

    return binned


LAYERS: Mapping[str, Callable[[Entry], Callable[[Sequence[Array]], Array]]] = {
    "lookup": Lookup, "vectorize": Vectorizer, "hash": _hashing, "cross": _crossing,
    "bins": _binning,
}  # fmt: skip


def texts(values: Any, encoding: str = "utf-8") -> Array:
    """Return strings and bytes as an array of `str` objects.

    Raises:
        ValueError: something else is among them.
    """
    array = np.asarray(values)
    items = array.ravel().tolist()
    wrong = next((item for item in items if not isinstance(item, (str, bytes))), None)
    if wrong is not None:
        raise ValueError(f"Expected strings. Received: {wrong!r} (of type {type(wrong).__name__})")
    found = [item.decode(encoding) if isinstance(item, bytes) else item for item in items]
    return _objects(found).reshape(array.shape)


def encoded(indices: Array, mode: str, depth: int) -> Array:
    """Return indices [rows, ...] as they are ("int"), one-hot, multi-hot, or counted."""
    if mode == "int":
        return indices
    single = mode == "one_hot" and indices.ndim > 1 and indices.shape[-1] == 1
    hot = (indices[..., 0] if single else indices)[..., None] == np.arange(depth)
    if mode == "one_hot":
        return hot
    axis = 1 if indices.ndim > 1 else 0
    return hot.any(axis) if mode == "multi_hot" else hot.sum(axis)


def with_ngrams(tokens: list[str], widths: Sequence[int] | None) -> list[str]:
    """Return the n-grams of tokens, joined by spaces: all of the first width, then the next."""
    if widths is None:
        return tokens
    return [
        " ".join(tokens[start : start + width])
        for width in widths
        for start in range(len(tokens) - width + 1)
    ]


def _strings_or_integers(array: Array) -> Array:
    return texts(array) if array.dtype.kind in "OSUT" else array.astype("int64")


def _cut(indices: Array, length: int) -> Array:
    kept = indices[..., :length]
    return np.pad(kept, ((0, 0),) * (kept.ndim - 1) + ((0, length - kept.shape[-1]),))


def _each(array: Array, function: Callable[[str], str]) -> Array:
    return _objects([function(text) for text in array.ravel().tolist()]).reshape(array.shape)


def _objects(items: Sequence[Any]) -> Array:
    found = np.empty(len(items), object)
    found[:] = items
    return found
