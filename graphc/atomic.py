"""Files that are written beside their place and take it when they are whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """Yield where to write what is to be at `path`; it is put there when all went well.

    Until then, and when it fails, what was at `path` stays: a kill at any moment or a full disk
    leaves it whole. A kill may leave the unfinished file, `.<name>.<random>.part`.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield unfinished
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())  # before the rename, lest a crash keep the name without bytes
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
