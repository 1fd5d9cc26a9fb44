"""`graphc bisect`: a script that fails is run with fewer and fewer passes, until one is to blame.

Each run is a process of its own with `GRAPHC_PASS_LIMIT=n`. A script that asserts what its numbers
must be is the case this is made for. It finds the first pass that breaks the script, where that
fails with every number of passes from there on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphc import config
from graphc.bisect import first_wrong
from graphc.cli.run import CANNOT_OPEN
from graphc.passes import PASSES
from graphc.pipeline import enabled_passes

DOES_NOT_FAIL = 0  # the exit statuses, beside CANNOT_OPEN
NOT_THE_PASSES = 1
FOUND = 3


@dataclass
class _Runs:
    """A script run with the first of so many passes; prints a line a run, and does none twice."""

    script: Path
    args: Sequence[str]
    timeout: float | None
    count: int
    _known: dict[int, str] = field(default_factory=dict[int, str])

    def failure(self, passes: int) -> str:
        """Return how the script fails with the first `passes` passes; empty when it does not."""
        if passes not in self._known:
            reason = self._failure({config.PASS_LIMIT.env: str(passes)})
            self._known[passes] = reason
            _tell(f"passes 1 to {passes} of {self.count}" if passes else "no passes", reason)
        return self._known[passes]

    def failure_by_reference(self) -> str:
        """Return how it fails without passes and kernels; empty when it does not."""
        setting = f"{config.KERNELS.env}=reference"
        reason = self._failure({config.PASS_LIMIT.env: "0", config.KERNELS.env: "reference"})
        _tell(f"no passes, {setting}", reason)
        return reason

    def _failure(self, settings: Mapping[str, str]) -> str:
        command = [sys.executable, "-m", "graphc", "run", str(self.script), *self.args]
        with tempfile.TemporaryFile("w+", errors="replace") as errors:
            try:
                done = subprocess.run(
                    command, env={**os.environ, **settings}, timeout=self.timeout, check=False,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                return f"it takes longer than {self.timeout:g} seconds"
            errors.seek(0)
            lines = errors.read().split("\n")
        if done.returncode == 0:
            return ""
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return last or f"exit status {done.returncode}"


def _tell(what: str, reason: str) -> None:
    print(f"{what}: fails ({reason})" if reason else f"{what}: succeeds", flush=True)


def bisect_script(script: Path, args: Sequence[str], timeout: float | None = None) -> int:
    """Say which pass breaks a script.

    Args:
        script: a Python file that fails: whose exit status is not 0.
        args: its arguments.
        timeout: seconds after which a run counts as failed.

    Returns:
        The exit status: `FOUND`, `DOES_NOT_FAIL`, `NOT_THE_PASSES`, or `CANNOT_OPEN`.
    """
    if not script.is_file():
        print(f"graphc bisect: can't open file '{script}'", file=sys.stderr)
        return CANNOT_OPEN
    passes = enabled_passes(PASSES)
    runs = _Runs(script, args, timeout, len(passes))
    if not runs.failure(len(passes)):
        print(f"{script} does not fail: there is nothing to find.")
        return DOES_NOT_FAIL
    if runs.failure(0):
        return _without_passes(runs)
    name = passes[first_wrong(len(passes), lambda n: bool(runs.failure(n))) - 1].name
    print(f"The pass {name!r} breaks {script}.")
    without = ",".join([*config.PASSES.value, f"-{name}"])
    print(f"To go on without it: {config.PASSES.env}={without}")
    return FOUND


def _without_passes(runs: _Runs) -> int:
    setting = f"{config.KERNELS.env}=reference"
    if runs.failure_by_reference():
        print(f"{runs.script} fails without passes, too, and with {setting}: neither is to blame.")
        return NOT_THE_PASSES
    print(f"{runs.script} fails without passes, too, but not with {setting}: a kernel is to blame.")
    return NOT_THE_PASSES
