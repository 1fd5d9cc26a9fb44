"""The examples of `docs/sklearn.md` run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "sklearn.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_of_the_page(number, capsys):
    exec(compile(EXAMPLES[number], f"{PAGE.name}[{number}]", "exec"), {"__name__": "example"})
    assert "{'" in capsys.readouterr().out
