"""Snapshots of a training: numbered files of which the last two are kept.

A snapshot is written under a temporary name, flushed to the disk and renamed, so that a process
that is killed at any moment leaves the last one whole. In the file a digest of all that follows
comes first, so that reading notices every byte that changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import struct
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from graphc.atomic import replacing
from graphc.keras.saving.plain import decode, encode

MAGIC = b"graphc training snapshot 1\n"
NAME = re.compile(r"snapshot-(\d+)\.graphc")
KEPT = 2


class SnapshotError(ValueError):
    """A file that is no snapshot, is damaged, or belongs to another training."""


class Snapshots:
    """The snapshots in one folder.

    Args:
        folder: where they are; made when the first is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def files(self) -> list[Path]:
        """Return the snapshots, the newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if NAME.fullmatch(path.name)]
        return sorted(found, key=_number, reverse=True)

    def write(self, content: dict[str, Any]) -> Path:
        """Write the next snapshot and drop all but the last ones."""
        self.folder.mkdir(parents=True, exist_ok=True)
        known = self.files()
        path = self.folder / f"snapshot-{_number(known[0]) + 1 if known else 1}.graphc"
        with replacing(path) as unfinished:
            unfinished.write_bytes(_packed(content))
        for old in known[KEPT - 1 :]:
            old.unlink()
        return path

    def read(self, check: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
        """Return the newest snapshot that is whole and that `check` lets pass; None without any.

        One that is refused is named in a warning, and the one before it is used.

        Raises:
            SnapshotError: there are some, and all are refused.
        """
        refused: SnapshotError | None = None
        for path in self.files():
            try:
                content = _unpacked(path)
                check(content)
            except SnapshotError as error:
                refused = refused or SnapshotError(f"Cannot resume from {path}: {error}")
                warnings.warn(f"Cannot resume from {path}: {error}", stacklevel=2)
            else:
                return content
        if refused is not None:
            raise refused
        return None

    def clear(self) -> None:
        """Delete the snapshots, and the folder where nothing else is in it."""
        for path in (*self.files(), *self.folder.glob(".snapshot-*.part")):
            path.unlink()
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()


def _number(path: Path) -> int:
    found = NAME.fullmatch(path.name)
    assert found is not None
    return int(found[1])


def _packed(content: dict[str, Any]) -> bytes:
    arrays: list[np.ndarray] = []
    data = encode(content, arrays)
    kinds = [[str(array.dtype), list(array.shape)] for array in arrays]
    head = json.dumps({"content": data, "arrays": kinds}).encode()
    parts = [struct.pack("<Q", len(head)), head, *(array.tobytes() for array in arrays)]
    body = b"".join(parts)
    return MAGIC + hashlib.sha256(body).digest() + body


def _unpacked(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    at = len(MAGIC) + hashlib.sha256().digest_size
    body = raw[at:]
    if raw[: len(MAGIC)] != MAGIC or hashlib.sha256(body).digest() != raw[len(MAGIC) : at]:
        raise SnapshotError("it is damaged, or no snapshot of a training")
    (size,) = struct.unpack_from("<Q", body)
    place = struct.calcsize("<Q") + size
    head = json.loads(body[place - size : place])
    arrays: list[np.ndarray] = []
    for dtype, shape in head["arrays"]:
        count = math.prod(shape)
        array = np.frombuffer(body, jnp.dtype(dtype), count, place).reshape(shape).copy()
        arrays.append(array)
        place += array.nbytes
    return decode(head["content"], arrays)
