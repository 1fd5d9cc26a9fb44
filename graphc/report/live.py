"""What long work shows while it goes on: a table that changes in place, or lines of text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

DIGITS = 5


def shown(value: Any) -> str:
    """Return a value as a cell shows it."""
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}"
    return "" if value is None else str(value)


def span(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, without those that are nought."""
    whole = round(seconds)
    if whole < 1:
        return f"{seconds:.1f}s"
    parts = {"h": whole // 3600, "m": whole // 60 % 60, "s": whole % 60}
    return " ".join(f"{count}{unit}" for unit, count in parts.items() if count)


def progress(done: int, total: int | None, what: str, *, now: int, seconds: float) -> list[str]:
    """Return how far work is, at what rate, and how long it will take.

    Args:
        done, total: how many are done, of how many; None where nobody knows.
        what: the word for them.
        now, seconds: how many of them were done lately, and in what time.
    """
    parts = [f"{done}/{total} {what}" if total else f"{done} {what}"]
    if now:
        rate = 60 * now / seconds
        parts.append(f"{rate:.0f} a minute" if rate >= 100 else f"{rate:.2g} a minute")
        if total and total > done:
            parts.append(f"about {span((total - done) * seconds / now)} left")
    return parts


class LiveTable:
    """Shows a table; on a terminal and in a notebook in place, elsewhere what `line` is told.

    Args:
        table: returns the table as it is now.
        closing: returns the last line, where lines are shown; empty for none.
        console: where to; None for the standard output as it is when the work begins.
    """

    def __init__(
        self,
        table: Callable[[], Table],
        closing: Callable[[], str],
        console: Console | None = None,
    ) -> None:
        self._table, self._closing, self._given = table, closing, console
        self._console: Console | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        self._console = self._given or Console()
        if self._console.is_terminal or self._console.is_jupyter:
            self._live = Live(console=self._console, get_renderable=self._table)
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif closing := self._closing():
            self.line(closing)
        self._live = self._console = None

    def line(self, text: str) -> None:
        """Print a line, where there is no table in place."""
        if self._live is None and self._console is not None:
            self._console.print(text, highlight=False, soft_wrap=True, markup=False)
