"""Which process runs a trial, and whether it still does."""

from __future__ import annotations

import os
import socket

from graphc.keras_tuner.engine.trial import Trial


def this_worker() -> str:
    """Return the name of this process: its machine and its number there."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(trial: Trial) -> bool:
    """Whether the process that ran a trial was on this machine, and is no more."""
    host, _, number = str(trial.note.get("worker", "")).rpartition(":")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it lives, and is another user's
        return False
    return int(number) == os.getpid()
