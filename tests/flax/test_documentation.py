"""The examples of `docs/flax.md` and of the docstrings run as they stand."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from graphc import keras
from graphc.flax import keras_module, nnx_layer

PAGE = Path(__file__).parents[2] / "docs" / "flax.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


@pytest.fixture(autouse=True)
def _apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = keras.saving.get_custom_objects()
    before = dict(objects)
    yield
    objects.clear()
    objects.update(before)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_of_the_page(number, capsys):
    exec(compile(EXAMPLES[number], f"{PAGE.name}[{number}]", "exec"), {"__name__": "example"})


@pytest.mark.parametrize("module", [keras_module, nnx_layer])
def test_example_of_the_docstring(module):
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0
