"""A pytest plugin: which files cross between graphc and real Keras, as a table.

`python -m pytest -p tests.file_matrix tests/keras/saving` prints, for each family of models, how
many of its files came back equal, of how many, by format and direction. A test takes part that
records a property "files": family, format, direction.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest

Column = tuple[str, str]  # format, direction
_COUNTS: defaultdict[str, defaultdict[Column, Counter[str]]] = defaultdict(
    lambda: defaultdict(Counter)
)
WIDTH = 24


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count a finished test."""
    ended = report.when == "call" or report.outcome == "failed"
    for name, value in report.user_properties:
        if ended and name == "files":
            family, ending, direction = value
            _COUNTS[family][ending, direction][report.outcome] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a row a family and the total: passed/tried for each format and direction."""
    columns = sorted({column for row in _COUNTS.values() for column in row})
    total: defaultdict[Column, Counter[str]] = defaultdict(Counter)
    terminalreporter.section("files that came back equal, of those that were tried")
    heads = [f".{ending} {direction}" for ending, direction in columns]
    terminalreporter.write_line(_line("family", heads))
    for family, row in _COUNTS.items():
        for column, counts in row.items():
            total[column].update(counts)
        terminalreporter.write_line(_line(family, [_cell(row[c]) for c in columns]))
    terminalreporter.write_line(_line("total", [_cell(total[c]) for c in columns]))


def _line(first: str, others: list[str]) -> str:
    return f"{first:<{WIDTH}}" + "".join(f"{text:>{WIDTH}}" for text in others)


def _cell(counts: Counter[str]) -> str:
    return f"{counts['passed']}/{counts.total()}" if counts else "-"
