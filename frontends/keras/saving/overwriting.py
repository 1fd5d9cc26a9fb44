"""Asking before a file is replaced."""

from __future__ import annotations

import sys
from pathlib import Path


def may_write(path: Path, overwrite: bool) -> bool:
    """Return whether to write to `path`: it is not there, or may be replaced.

    Raises:
        FileExistsError: it is there, `overwrite` is False, and nobody is at the terminal to ask.
    """
    if overwrite or not path.exists():
        return True
    if not sys.stdin.isatty():
        raise FileExistsError(f"{path} exists. Pass overwrite=True to replace it.")
    answer = ""
    while answer not in ("y", "n"):
        answer = input(f"{path} exists: replace it? [y/n] ").strip().lower()
    return answer == "y"
