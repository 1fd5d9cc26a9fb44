"""A pytest plugin: what the tests of files found, as three tables.

`python -m pytest -p tests.file_matrix tests/keras/saving` prints which files cross between graphc
and real Keras, which attacks are refused in which format, and what became of damaged files. A test
takes part that records a property:

- "files": family, format, direction;
- "attack": class of attack, format;
- "mutations": format, and how often each end was come to, by its name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Any

import pytest

Rows = defaultdict[str, defaultdict[Hashable, Counter[str]]]
FIRST, WIDTH = 58, 15


def _rows() -> Rows:
    return defaultdict(lambda: defaultdict(Counter))


FILES, ATTACKS, MUTATIONS = _rows(), _rows(), _rows()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count a finished test."""
    if report.when != "call" and report.outcome != "failed":
        return
    for name, value in report.user_properties:
        if name == "files":
            family, ending, direction = value
            FILES[family][f".{ending}", direction][report.outcome] += 1
        elif name == "attack":
            attack, ending = value
            ATTACKS[attack][ending][report.outcome] += 1
        elif name == "mutations":
            ending, ends = value
            MUTATIONS[ending]["ends"].update(ends)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print each table of which something was counted."""
    if FILES:
        terminalreporter.section("files that came back equal, of those that were tried")
        _print_passed(terminalreporter, "family", FILES)
    if ATTACKS:
        terminalreporter.section("attacks that were refused, of those that were tried")
        _print_passed(terminalreporter, "attack", ATTACKS)
    if MUTATIONS:
        terminalreporter.section("files with something wrong in them")
        _print_ends(terminalreporter)


def _print_passed(terminal: Any, first: str, rows: Rows) -> None:
    """Print passed/tried by row and column, and the total."""
    columns: list[Any] = sorted({column for row in rows.values() for column in row})
    parts = [column if isinstance(column, tuple) else (column,) for column in columns]
    for line in zip(*parts, strict=True):
        terminal.write_line(_line(first, list(line)))
        first = ""
    total: defaultdict[Hashable, Counter[str]] = defaultdict(Counter)
    for name, row in rows.items():
        for column, counts in row.items():
            total[column].update(counts)
        terminal.write_line(_line(name, [_cell(row[c]) if c in row else "-" for c in columns]))
    terminal.write_line(_line("total", [_cell(total[c]) for c in columns]))


def _print_ends(terminal: Any) -> None:
    """Print how often each end was come to, by format, and in all."""
    total: Counter[str] = Counter()
    for row in MUTATIONS.values():
        total.update(row["ends"])
    heads = sorted(total)
    terminal.write_line(_line("format", ["tried", *heads]))
    for name, row in MUTATIONS.items():
        counts = row["ends"]
        numbers = [counts.total(), *(counts[head] for head in heads)]
        terminal.write_line(_line(name, [str(number) for number in numbers]))
    numbers = [total.total(), *(total[head] for head in heads)]
    terminal.write_line(_line("total", [str(number) for number in numbers]))
    ends = ", ".join(f"{total[head]} {head}" for head in heads)
    terminal.write_line(f"{total.total()} mutations tried: {ends}")


def _line(first: str, others: list[str]) -> str:
    return f"{first:<{FIRST}}" + "".join(f"{text:>{WIDTH}}" for text in others)


def _cell(counts: Counter[str]) -> str:
    return f"{counts['passed']}/{counts.total()}"
