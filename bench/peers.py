"""The peers as processes: started clean, driven over pipes, one at a time at work."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OURS = "graphc"
DROPPED = ("GRAPHC_", "JAX_COMPILATION_CACHE", "JAX_PERSISTENT_CACHE")


@dataclass(frozen=True)
class PeerKind:
    """What a peer is: the package it needs, its import, and the class of `peer.Peer` it is.

    The models of a native one are written for it alone, where Keras's serve the others.
    """

    package: str
    statement: str
    worker: tuple[str, str]  # module and class
    is_native: bool = True


PEERS = {
    OURS: PeerKind("graphc", "from graphc import keras", ("graphc_peer", "GraphcPeer"), False),
    "keras": PeerKind("keras", "import keras", ("keras_peer", "KerasPeer"), False),
    "torch_eager": PeerKind("torch", "import torch", ("torch_peer", "TorchPeer")),
    "torch_compiled": PeerKind("torch", "import torch", ("torch_peer", "TorchPeer")),
    "flax": PeerKind("flax", "from flax import nnx", ("flax_peer", "FlaxPeer")),
}
GROUPS = {"torch": ("torch_eager", "torch_compiled")}


def missing(names: Iterable[str]) -> list[str]:
    """The packages that these peers need and that are not installed; none is imported."""
    packages = dict.fromkeys(PEERS[name].package for name in names)
    return [package for package in packages if importlib.util.find_spec(package) is None]


class PeerError(RuntimeError):
    """A peer failed, or died."""


def clean_environment(cache: Path, switches: Mapping[str, str] | None = None) -> dict[str, str]:
    """What every process starts with: no disk cache but one in `cache`, and only these switches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    return kept | {
        "KERAS_BACKEND": "jax",
        "GRAPHC_CACHE_DIR": str(cache),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",  # two processes share an accelerator
        "PYTHONHASHSEED": "0",
        **(switches or {}),
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
def started(
    name: str, cache: Path, switches: Mapping[str, str] | None = None
) -> Iterator[PeerProcess]:
    """A fresh worker process of a peer, ended with the block."""
    process = subprocess.Popen(
        (sys.executable, str(FOLDER / "peer_worker.py"), name),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=clean_environment(cache, switches),
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
        f"{PEERS[name].statement}\n"
        "print(time.perf_counter() - begin)"
    )
    command = (sys.executable, "-c", code)
    done = subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(cache), check=False
    )
    if done.returncode:
        raise PeerError(f"`{PEERS[name].statement}` failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])
