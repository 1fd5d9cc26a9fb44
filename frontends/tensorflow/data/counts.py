"""How many elements datasets have: numbers, or one of two negative ones that say why not."""

from __future__ import annotations

INFINITE, UNKNOWN = -1, -2


def shortest(counts: list[int]) -> int:
    """Return the count of what ends with the first of several."""
    if UNKNOWN in counts:
        return UNKNOWN
    return min((count for count in counts if count != INFINITE), default=INFINITE)


def total(first: int, second: int) -> int:
    """Return the count of one dataset and then another."""
    if INFINITE in (first, second):
        return INFINITE
    return UNKNOWN if UNKNOWN in (first, second) else first + second


def of_batches(count: int, size: int, *, whole: bool) -> int:
    """Return how many batches that many elements make; only full ones where `whole`."""
    return count if count < 0 else count // size if whole else -(-count // size)


def of_windows(count: int, size: int, shift: int, stride: int, *, whole: bool) -> int:
    """Return how many windows that many elements make; only full ones where `whole`."""
    if count < 0:
        return count
    if not whole:
        return -(-count // shift)
    return max(0, (count - (size - 1) * stride - 1) // shift + 1)


def of_repeats(count: int, times: int) -> int:
    """Return the count of so many passes; a negative number of them has no end."""
    if times < 0:
        return INFINITE if count else 0
    return count * times if count >= 0 else count if times else 0


def of_first(count: int, wanted: int) -> int:
    """Return how many of the first `wanted` elements there are; negative for all."""
    if wanted < 0 or (count == UNKNOWN and wanted):
        return count
    return wanted if count == INFINITE else min(max(count, 0), wanted)


def of_rest(count: int, gone: int) -> int:
    """Return how many elements there are without the first `gone`; negative for all of them."""
    if gone < 0:
        return 0
    return count if count < 0 else max(0, count - gone)
