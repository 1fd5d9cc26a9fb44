"""The peers as processes: started clean, driven over pipes, one at a time at work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OURS = "graphc"
IMPORTS = {OURS: "from graphc import keras", "keras": "import keras"}
DROPPED = ("GRAPHC_", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")


class PeerError(RuntimeError):
    """A peer failed, or died."""


def clean_environment(cache: Path) -> dict[str, str]:
    """What every process starts with: no switches of ours, no disk cache but the one in `cache`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    return kept | {
        "KERAS_BACKEND": "jax",
        "GRAPHC_CACHE_DIR": str(cache),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # two processes share an accelerator
        "PYTHONHASHSEED": "0",
    }


@dataclass(frozen=True)
class PeerProcess:
    """A peer at work in its own process."""

    name: str
    process: subprocess.Popen[str]

    def ask(self, do: str, **arguments: Any) -> Any:
        """Do one thing and return its value.

        Raises:
            PeerError: the peer raised (its traceback is the message), or died.
        """
        requests, answers = self.process.stdin, self.process.stdout
        assert requests is not None
        assert answers is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=requests, flush=True)
            line = answers.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise PeerError(f"{self.name} ended during `{do}`, exit code {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.name} failed in `{do}`:\n{answer['error']}")
        return answer["ok"]


@contextmanager
def started(name: str, cache: Path) -> Iterator[PeerProcess]:
    """A fresh worker process of a peer, ended with the block."""
    process = subprocess.Popen(
        (sys.executable, str(FOLDER / "peer_worker.py"), name),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment(cache),
    )  # fmt: skip
    try:
        yield PeerProcess(name, process)
    finally:
        assert process.stdin is not None
        with suppress(BrokenPipeError):  # it died, and was told of already
            process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def import_seconds(name: str, cache: Path) -> float:
    """How long a fresh process takes to import a peer."""
    code = (
        "import time; begin = time.perf_counter()\n"
        f"{IMPORTS[name]}\n"
        "print(time.perf_counter() - begin)"
    )
    command = (sys.executable, "-c", code)
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(cache), check=False
    )
    if done.returncode:
        raise PeerError(f"`{IMPORTS[name]}` failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])
