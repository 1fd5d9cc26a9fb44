"""Vocabularies: what the data of `adapt` teaches, and what a given one must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphc.keras.saving.contexts import in_safe_mode

Document = Sequence[Any]  # the tokens of one sample


@dataclass(frozen=True, eq=False)
class Table:
    """Tokens in order, and the index of each."""

    tokens: tuple[Any, ...]
    index: dict[Any, int]

    @classmethod
    def of(cls, tokens: Iterable[Any], start: int) -> Table:
        """Return the table of tokens whose first has the index `start`."""
        ordered = tuple(tokens)
        return cls(ordered, {token: index for index, token in enumerate(ordered, start)})


class TokenCounts:
    """How often each token was seen, and in how many documents."""

    def __init__(self) -> None:
        self.tokens: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.seen = 0

    def add(self, documents: Iterable[Document]) -> None:
        """Count the tokens of some documents."""
        for document in documents:
            self.tokens.update(document)
            self.documents.update(set(document))
            self.seen += 1

    def vocabulary(self, reserved: Iterable[Any], limit: int | None) -> list[Any]:
        """Return the tokens by falling count, then falling order; at most `limit` of them."""
        left_out = set(reserved)
        ordered = sorted(
            ((n, t) for t, n in self.tokens.items() if t not in left_out), reverse=True
        )
        return [token for _, token in ordered][:limit]

    def idf_weights(self, tokens: Sequence[Any]) -> np.ndarray:
        """Return log(1 + documents / (1 + documents with the token)) for each token."""
        counts = np.array([self.documents[token] for token in tokens], "float64")
        return np.log(1 + self.seen / (1 + counts))


def listed(vocabulary: Any, integers: bool, encoding: str) -> list[Any]:
    """Return a vocabulary (a path, or any array of tokens) as a list of strings or integers.

    Raises:
        ValueError: the file does not exist, or a configuration that is being loaded names it.
    """
    if isinstance(vocabulary, (str, Path)):
        if in_safe_mode(asked=False):
            raise ValueError(
                "This configuration names a vocabulary file outside of the model's own, and "
                "loading it would read that file. If you trust it, pass `safe_mode=False`. "
                f"Received: vocabulary={str(vocabulary)!r}"
            )
        lines = _lines(Path(vocabulary), encoding)
        return [int(line) for line in lines] if integers else lines
    if hasattr(vocabulary, "to_numpy"):
        vocabulary = vocabulary.to_numpy()
    items = vocabulary.tolist() if hasattr(vocabulary, "tolist") else list(vocabulary)
    if integers:
        return [int(item) for item in items]
    return [item.decode(encoding) if isinstance(item, bytes) else str(item) for item in items]


def _lines(path: Path, encoding: str) -> list[str]:
    if not path.exists():
        raise ValueError(f"Vocabulary file {path} does not exist. Received: vocabulary={path}")
    lines = path.read_text(encoding).split("\n")
    while lines and not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def without_special(
    vocabulary: list[Any], special: list[Any], mask_token: Any, reserved: Iterable[Any]
) -> list[Any]:
    """Return a vocabulary's own tokens: without the special ones, if it begins with them.

    Raises:
        ValueError: nothing, a token twice, or a special one at another place.
    """
    if not vocabulary:
        raise ValueError("Cannot set an empty vocabulary. Received: vocabulary=[]")
    begins = vocabulary[: len(special)] == special
    tokens = vocabulary[len(special) :] if begins else vocabulary
    repeated = [token for token, count in Counter(tokens).items() if count > 1]
    if repeated:
        raise ValueError(
            "Expected every term of the vocabulary once. "
            f"Received: a vocabulary that repeats {repeated}"
        )
    for token in reserved:
        if token is not None and token in tokens:
            kind = "mask" if token == mask_token else "OOV"
            raise ValueError(
                f"Found the reserved {kind} token at an unexpected location in `vocabulary`. Leave "
                f"out all mask and OOV tokens, or begin with precisely these: {special}. "
                f"Received: {token!r} at index {vocabulary.index(token, len(special) * begins)}"
            )
    return tokens
