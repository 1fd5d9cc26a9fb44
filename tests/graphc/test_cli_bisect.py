"""`graphc bisect`: the pass that breaks a script is named, and each other outcome is told.

One script is run in real processes. The others are played, by what the command sets for them.
"""

from __future__ import annotations

import subprocess
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from graphc.bisect import first_wrong
from graphc.cli.bisect import DOES_NOT_FAIL, FOUND, NOT_THE_PASSES
from graphc.cli.main import main
from graphc.cli.run import CANNOT_OPEN
from graphc.passes import PASSES

ALL = len(PASSES)
BROKEN_PASS = """
    import keras
    import numpy as np
    from graphc.passes import RAISE_GELU
    from graphc.rewrite import Rule

    def pattern(p):
        return p.emit("math.tanh", "x")

    wrong = Rule("wrong", pattern, lambda m: None, lambda b, m: b.emit("math.sinh", m["x"]))
    object.__setattr__(RAISE_GELU, "rules", (wrong,))

    model = keras.Sequential([keras.Input((3,)), keras.layers.Activation("tanh")])
    x = np.ones((2, 3), "float32")
    assert np.allclose(model.predict(x, verbose=0), np.tanh(x)), "wrong numbers"
"""
Fails = Callable[[Mapping[str, str]], bool]


def _bisected(script: Path, text: str, *options: str) -> int:
    script.write_text(textwrap.dedent(text))
    return main(["bisect", *options, script.name])


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a script may be written, in the present folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "script.py"


@pytest.fixture
def played(script: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that bisects a script which fails where the environment says so."""

    def bisected(fails: Fails, told: str = "AssertionError: no") -> int:
        def run(
            command: list[str], env: Mapping[str, str], stderr: Any, **options: Any
        ) -> subprocess.CompletedProcess[str]:
            assert command[1:] == ["-m", "graphc", "run", "script.py"]
            failed = fails(env)
            stderr.write(f"Traceback ...\n{told}\n\n" if failed and told else "")
            return subprocess.CompletedProcess(command, 7 if failed else 0)

        monkeypatch.setattr(subprocess, "run", run)
        return _bisected(script, "")

    return bisected


def _from(number: int) -> Fails:
    return lambda env: int(env["GRAPHC_PASS_LIMIT"]) >= number


def test_the_pass_that_breaks_a_model_is_named(
    script: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_PASSES", "simplify,raise_gelu")
    assert _bisected(script, BROKEN_PASS) == FOUND
    assert capfd.readouterr().out.splitlines() == [
        "passes 1 to 2 of 2: fails (AssertionError: wrong numbers)",
        "no passes: succeeds",
        "passes 1 to 1 of 2: succeeds",
        "The pass 'raise_gelu' breaks script.py.",
        "To go on without it: GRAPHC_PASSES=simplify,raise_gelu,-raise_gelu",
    ]


def test_a_run_that_takes_too_long_fails(script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sleeping = "import time\ntime.sleep(60)"
    assert _bisected(script, sleeping, "--timeout", "0.1") == NOT_THE_PASSES
    first = capfd.readouterr().out.splitlines()[0]
    assert first == f"passes 1 to {ALL} of {ALL}: fails (it takes longer than 0.1 seconds)"


@pytest.mark.parametrize("number", range(1, ALL + 1))
def test_the_limit_counts_from_the_first_pass_to_the_last(
    played: Any, capfd: pytest.CaptureFixture[str], number: int
) -> None:
    name = PASSES[number - 1].name
    assert played(_from(number)) == FOUND
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"passes 1 to {ALL} of {ALL}: fails (AssertionError: no)"
    assert lines[-2:] == [
        f"The pass {name!r} breaks script.py.",
        f"To go on without it: GRAPHC_PASSES=-{name}",
    ]
    assert len(lines) == len(set(lines)), "no run is done twice"


def test_a_limit_of_the_users_own_is_kept(
    played: Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_PASS_LIMIT", "2")
    assert played(_from(3)) == DOES_NOT_FAIL
    assert capfd.readouterr().out.splitlines() == [
        "passes 1 to 2 of 2: succeeds",
        "script.py does not fail: there is nothing to find.",
    ]


def test_kernels_are_tried_when_passes_are_not_to_blame(
    played: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert played(lambda env: env.get("GRAPHC_KERNELS") != "reference") == NOT_THE_PASSES
    blamed = "script.py fails without passes, too, but not with GRAPHC_KERNELS=reference"
    assert capfd.readouterr().out.splitlines()[1:] == [
        "no passes: fails (AssertionError: no)",
        "no passes, GRAPHC_KERNELS=reference: succeeds",
        f"{blamed}: a kernel is to blame.",
    ]


def test_a_script_that_fails_anyway_accuses_nobody(
    played: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    assert played(lambda env: True, told="") == NOT_THE_PASSES
    lines = capfd.readouterr().out.splitlines()
    assert lines[1] == "no passes: fails (exit status 7)"
    assert lines[-1].endswith("neither is to blame.")


def test_a_missing_script_is_named(script: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["bisect", script.name]) == CANNOT_OPEN
    assert capfd.readouterr().err == "graphc bisect: can't open file 'script.py'\n"


@pytest.mark.parametrize("count", [1, 2, 5, 15])
def test_the_first_wrong_number_is_found_by_halves(count: int) -> None:
    for wanted in range(1, count + 1):
        asked: list[int] = []
        assert first_wrong(count, lambda n: asked.append(n) or n >= wanted) == wanted  # noqa: B023
        assert len(asked) <= count.bit_length()
