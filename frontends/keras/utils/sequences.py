"""Ragged sequences as one rectangular array."""

from collections.abc import Sequence
from typing import Any

import numpy as np

_ENDS = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Sequences cut and filled to one length.

    Args:
        sequences: N sequences, each a list or array [T_i, ...] of the same trailing shape.
        maxlen: the length T of every row; None means the longest sequence's.
        dtype: the result's dtype; `object` for strings of any length.
        padding: "pre" or "post": at which end `value` fills a short sequence.
        truncating: "pre" or "post": at which end a long sequence loses entries.
        value: the fill.

    Returns:
        NumPy array [N, T, ...].

    Raises:
        ValueError: `sequences` is no list of sequences, trailing shapes differ, an option is
            unknown, or `value` is a string that `dtype` cannot hold.
    """
    _check_end("padding", padding)
    _check_end("truncating", truncating)
    _check_fill(value, dtype)
    lengths = _lengths(sequences)
    if maxlen is None and not lengths:
        raise ValueError("`maxlen` is needed where `sequences` is empty. Received: maxlen=None")
    width = int(max(lengths) if maxlen is None else maxlen)
    first = next((np.asarray(s) for s, n in zip(sequences, lengths, strict=True) if n), None)
    sample_shape = () if first is None else first.shape[1:]
    padded = np.full((len(lengths), width, *sample_shape), value, dtype=dtype)  # [N, T, ...]
    for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
        kept = min(length, width)
        if not kept:
            continue
        cut = sequence[length - kept :] if truncating == "pre" else sequence[:kept]
        entries = np.asarray(cut, dtype=dtype)  # [kept, ...]
        if entries.shape[1:] != sample_shape:
            raise ValueError(
                f"Expected every sequence to have the trailing shape {sample_shape} of the first. "
                f"Received: {entries.shape[1:]} at position {row}"
            )
        span = slice(width - kept, width) if padding == "pre" else slice(0, kept)
        padded[row, span] = entries
    return padded


def _check_end(option: str, end: str) -> None:
    if end not in _ENDS:
        raise ValueError(f"`{option}` must be 'pre' or 'post'. Received: {option}={end!r}")


def _check_fill(value: float | str, dtype: Any) -> None:
    if isinstance(value, str) and np.dtype(dtype).kind not in "OUS":
        raise ValueError(
            f"A string `value` needs dtype=object (or a string dtype). Received: dtype={dtype}, "
            f"value={value!r}"
        )


def _lengths(sequences: Sequence[Any]) -> list[int]:
    """How long each sequence is; refuses what is not a list of sequences."""
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be a list of sequences. Received: {type(sequences)}")
    return [_length(sequence, position) for position, sequence in enumerate(sequences)]


def _length(sequence: Any, position: int) -> int:
    try:
        return len(sequence)
    except TypeError as error:  # a scalar array has `__len__`, too
        raise ValueError(
            f"`sequences` must be a list of sequences. Received: {sequence!r} at position "
            f"{position}"
        ) from error
