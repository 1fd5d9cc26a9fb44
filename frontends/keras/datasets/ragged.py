"""Sequences of different lengths as two flat arrays: how word indices are stored and filtered."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np

from graphc.keras.datasets.arrays import Arrays


@dataclass(frozen=True, eq=False)
class Ragged:
    """N sequences of integers, end to end.

    In an `.npz` file these are `<name>_tokens` and `<name>_lengths`, which need no pickle, where
    Keras's own files keep one object array `<name>` of lists.
    """

    tokens: np.ndarray  # [T] integers
    lengths: np.ndarray  # [N] integers that sum to T

    def __post_init__(self) -> None:
        is_whole = all(a.ndim == 1 and a.dtype.kind in "iu" for a in (self.tokens, self.lengths))
        if not is_whole or (self.lengths < 0).any() or self.lengths.sum() != self.tokens.size:
            raise ValueError(
                "Expected 1-D integer tokens, and lengths that sum to how many there are. "
                f"Received: tokens {self.tokens.dtype}{list(self.tokens.shape)}, lengths "
                f"{self.lengths.dtype}{list(self.lengths.shape)} with the sum {self.lengths.sum()}"
            )

    @classmethod
    def from_sequences(cls, sequences: Iterable[Iterable[int]]) -> "Ragged":
        """Sequences given one by one."""
        rows = [list(row) for row in sequences]
        tokens = np.fromiter(chain.from_iterable(rows), np.int64, sum(map(len, rows)))
        return cls(tokens, np.array([len(row) for row in rows], dtype=np.int64))

    @classmethod
    def from_arrays(cls, arrays: Arrays, name: str) -> "Ragged":
        """The sequences of this name in a file, in either layout."""
        if name in arrays:
            return cls.from_sequences(arrays[name])
        return cls(arrays[f"{name}_tokens"].astype(np.int64), arrays[f"{name}_lengths"])

    def to_arrays(self, name: str) -> Arrays:
        """The file layout that needs no pickle."""
        return {
            f"{name}_tokens": self.tokens.astype(np.int32),
            f"{name}_lengths": self.lengths.astype(np.int32),
        }

    def to_objects(self) -> np.ndarray:
        """An object array [N] of lists of Python ints, as Keras returns."""
        flat, ends = self.tokens.tolist(), np.cumsum(self.lengths).tolist()
        lists = np.empty(len(ends), dtype=object)
        lists[:] = [flat[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        return lists

    def take(self, rows: np.ndarray) -> "Ragged":
        """The sequences of these row numbers, in their order."""
        starts = np.cumsum(self.lengths) - self.lengths  # [N]
        lengths = self.lengths[rows]
        ends = np.cumsum(lengths)
        shift = np.repeat(starts[rows] - (ends - lengths), lengths)  # from new place to old
        return Ragged(self.tokens[np.arange(len(shift)) + shift], lengths)

    def keep(self, is_kept: np.ndarray) -> "Ragged":
        """The sequences without the tokens whose entry of `is_kept` [T] is false."""
        row_of = np.repeat(np.arange(len(self.lengths)), self.lengths)  # [T]
        lengths = np.bincount(row_of[is_kept], minlength=len(self.lengths))
        return Ragged(self.tokens[is_kept], lengths)

    def prepend(self, token: int) -> "Ragged":
        """Every sequence with one more token in front."""
        starts = np.cumsum(self.lengths) - self.lengths  # [N]
        return Ragged(np.insert(self.tokens, starts, token), self.lengths + 1)


@dataclass(frozen=True)
class WordChoice:
    """Keras's arguments that say which words of a sequence are kept, and as which integers."""

    num_words: int | None
    skip_top: int
    maxlen: int | None
    start_char: int | None
    oov_char: int | None
    index_from: int | None

    def mark(self, ranks: Ragged) -> Ragged:
        """Frequency ranks moved up by `index_from`, behind the start marker."""
        moved = Ragged(ranks.tokens + (self.index_from or 0), ranks.lengths)
        return moved if self.start_char is None else moved.prepend(self.start_char)

    def shorten(self, words: Ragged, labels: np.ndarray) -> tuple[Ragged, np.ndarray]:
        """Only the sequences shorter than `maxlen`, with their labels.

        Raises:
            ValueError: there are none.
        """
        if not self.maxlen:
            return words, labels
        rows = np.flatnonzero(words.lengths < self.maxlen)
        if not len(rows):
            raise ValueError(
                f"No sequence is shorter than maxlen={self.maxlen}; the shortest has "
                f"{words.lengths.min(initial=0)} entries. Increase `maxlen`."
            )
        return words.take(rows), labels[rows]

    def limit(self, *parts: Ragged) -> tuple[Ragged, ...]:
        """Words outside [skip_top, num_words) replaced by `oov_char`, or dropped if it is None.

        Without `num_words` the limit is the largest index itself, of which Keras's loader, too,
        makes an unknown word.
        """
        below = self.num_words or max(int(part.tokens.max(initial=0)) for part in parts)
        return tuple(self._limit(part, below) for part in parts)

    def _limit(self, words: Ragged, below: int) -> Ragged:
        is_kept = (words.tokens >= self.skip_top) & (words.tokens < below)
        if self.oov_char is None:
            return words.keep(is_kept)
        return Ragged(np.where(is_kept, words.tokens, self.oov_char), words.lengths)
