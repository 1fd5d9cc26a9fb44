"""One peer in a process of its own: does what `run.py` asks, one JSON line in, one out.

    python bench/peer_worker.py graphc|keras|torch_eager|torch_compiled|flax

A request is `{"do": name, ...arguments}`; the answer is `{"ok": value}` or `{"error": traceback}`.
Standard output carries answers only: whatever a library prints goes to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback

from peer import Peer
from peers import PEERS

COMMANDS = (
    "load", "first", "epoch", "epoch_validated", "predict", "loss", "plans", "peak_memory", "facts",
)  # fmt: skip


def peer_named(name: str) -> Peer:
    """The peer, its framework imported: no process imports another one's."""
    module, kind = PEERS[name].worker
    return getattr(importlib.import_module(module), kind)(name)


def main() -> int:
    """Serve requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    peer = peer_named(sys.argv[1])
    for line in sys.stdin:
        request = json.loads(line)
        try:
            do = request.pop("do")
            if do not in COMMANDS:
                raise ValueError(f"Expected one of {COMMANDS}. Received: {do!r}")
            answer = {"ok": getattr(peer, do)(**request)}
        except Exception:  # noqa: BLE001 - whatever it is, the driver must hear of it
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
