"""Numbers as a reader wants them: three digits and a unit."""

from __future__ import annotations

UNITS = ("", "K", "M", "G", "T")


def short(number: float) -> str:
    """Return a count with a decimal unit: 1234567 is 1.2M."""
    for unit in UNITS:
        if number < 1000:
            return f"{number:.0f}{unit}" if not unit else f"{number:.1f}{unit}"
        number /= 1000
    return f"{number:.1f}P"


def size(nbytes: float) -> str:
    """Return a number of bytes."""
    return f"{short(nbytes)}B"


def duration(seconds: float | None) -> str:
    """Return a time; nothing where none is known."""
    if seconds is None:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e6:.1f} us" if seconds else "0"


def percent(share: float | None) -> str:
    """Return a share of one; nothing where it is not known."""
    return "" if share is None else f"{100 * share:.1f}%"
