"""A pytest plugin: how many oracle cases each family has, and how many of them pass.

`python -m pytest -p tests.families -m oracle` (or `make oracle`) prints the table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import PurePosixPath
from typing import Any

import pytest

_COUNTS: defaultdict[str, Counter[str]] = defaultdict(Counter)


def family_of(nodeid: str) -> str:
    """Return "layers: recurrent" for a test of tests/keras/layers/test_recurrent_oracle.py."""
    path = PurePosixPath(nodeid.split("::", maxsplit=1)[0])
    topic = path.stem.removeprefix("test_").removesuffix("_oracle").replace("_", " ")
    return f"{path.parent.name}: {topic}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count a finished test that compares with real Keras."""
    if "oracle" not in report.keywords:
        return
    ended = report.when == "call" or report.outcome != "passed"
    if ended:
        _COUNTS[family_of(report.nodeid)][report.outcome] += 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print a row a family and the total."""
    total: Counter[str] = Counter()
    terminalreporter.section("oracle cases by family")
    terminalreporter.write_line(f"{'family':<44}{'cases':>8}{'pass':>8}{'fail':>8}{'skip':>8}")
    for family, counts in sorted(_COUNTS.items()):
        total.update(counts)
        terminalreporter.write_line(_row(family, counts))
    terminalreporter.write_line(_row("total", total))


def _row(family: str, counts: Counter[str]) -> str:
    numbers = (counts.total(), counts["passed"], counts["failed"], counts["skipped"])
    return f"{family:<44}" + "".join(f"{number:>8}" for number in numbers)
