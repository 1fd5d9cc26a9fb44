"""The knobs: default, environment, override, in rising order."""

from __future__ import annotations

from typing import Any

import pytest

from graphc import config
from graphc.config import KNOBS, Knob


@pytest.fixture
def knob(monkeypatch: pytest.MonkeyPatch) -> Knob[int]:
    monkeypatch.delenv("GRAPHC_TEST_KNOB", raising=False)
    return Knob("GRAPHC_TEST_KNOB", 7, int, "a test")


def test_default_environment_override(knob: Knob[int], monkeypatch: pytest.MonkeyPatch) -> None:
    assert knob.value == 7
    monkeypatch.setenv("GRAPHC_TEST_KNOB", "3")
    assert knob.value == 3
    with knob(1):
        assert knob.value == 1
        with knob(2):
            assert knob.value == 2
        assert knob.value == 1
    assert knob.value == 3


def test_an_override_ends_with_an_error_too(knob: Knob[int]) -> None:
    with pytest.raises(RuntimeError), knob(1):
        raise RuntimeError
    assert knob.value == 7


def test_a_text_that_cannot_be_read_names_the_variable(
    knob: Knob[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_TEST_KNOB", "many")
    with pytest.raises(ValueError, match=r"GRAPHC_TEST_KNOB: .*Received: 'many'"):
        _ = knob.value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("VERIFY", "1", True),
        ("VERIFY", "0", False),
        ("VERIFY", " Off ", False),
        ("VERIFY", "", False),
        ("PASSES", "-a, b,", ("-a", "b")),
        ("PASSES", "", ()),
        ("DEBUG", "3", 3),
        ("PASS_LIMIT", "0", 0),
        ("KERNELS", "reference,fused", ("reference", "fused")),
        ("DUMP", "folder", "folder"),
    ],
)
def test_environment_texts_become_values(
    name: str, text: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    knob = getattr(config, name)
    monkeypatch.setenv(knob.env, text)
    assert knob.value == value


def test_knobs_have_distinct_names_a_meaning_and_a_fitting_default() -> None:
    assert len({knob.env for knob in KNOBS}) == len(KNOBS) >= 10
    for knob in KNOBS:
        assert knob.doc
        assert isinstance(knob.default, (bool, int, str, tuple))


def test_this_suite_verifies_every_graph() -> None:
    assert config.VERIFY.value
